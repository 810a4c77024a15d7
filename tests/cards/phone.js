// Measures each card of a page. It runs in the page that holds them: inside of them no script may.
const luminance = colour => {
  const [r, g, b] = colour.map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const parsed = text => text.match(/[\d.]+/g).map(Number);
const contrast = (a, b) => {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};
const measured = frame => {
  const page = frame.contentDocument, style = one => frame.contentWindow.getComputedStyle(one);
  let faint = null;
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), parent = walker.currentNode.parentElement;
    if (!text || parent.closest("style")) continue;
    let ground = parent;
    while (ground && parsed(style(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
    const ratio = contrast(
      parsed(style(parent).color).slice(0, 3), parsed(style(ground).backgroundColor).slice(0, 3));
    if (!faint || ratio < faint[0]) faint = [ratio, text];
  }
  const boxes = [...page.querySelectorAll(".code, table")];
  return {
    width: page.scrollingElement.scrollWidth,
    scrolls: boxes.filter(box => box.scrollWidth > box.clientWidth).length,
    ground: style(page.body).backgroundColor,
    image: Math.max(0, ...[...page.images].map(one => one.getBoundingClientRect().right)),
    faint,
  };
};
const measureAll = () => Object.fromEntries(
  [...document.querySelectorAll("iframe")].map(frame => [frame.title, measured(frame)]));
