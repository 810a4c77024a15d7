/* The check digit of a barcode (EAN-13), from its first twelve digits. */
int check_digit(const char *digits) {
    int sum = 0;
    for (int place = 0; place < 12; place++)
        sum += (digits[place] - '0') * (place % 2 ? 3 : 1);
    return (10 - sum % 10) % 10;
}
