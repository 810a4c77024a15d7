#!/bin/sh
echo "starting the shop"
python shop.py
