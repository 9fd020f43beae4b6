// Elements. What a run says becomes text nodes and nothing else: no markup is ever parsed here.

const SVG = "http://www.w3.org/2000/svg";

function add(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) {
      parent.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
  }
  return parent;
}

function attributes(element, given) {
  for (const [name, value] of Object.entries(given || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value);
    }
  }
  return element;
}

function el(tag, given, ...children) {
  return add(attributes(document.createElement(tag), given), children);
}

function svg(tag, given, ...children) {
  return add(attributes(document.createElementNS(SVG, tag), given), children);
}

function fill(element, ...children) {
  element.replaceChildren();
  return add(element, children);
}

function chip(text, kind) {
  return el("span", { class: `chip ${kind || ""}` }, text);
}

function section(title, note, ...children) {
  return el(
    "section",
    {},
    el("h2", {}, title),
    note ? el("p", { class: "note" }, note) : null,
    ...children,
  );
}

// Calls `draw` with the element's width when it is first seen, and again when that has changed.
function whenSeen(element, draw) {
  let width = 0;
  let seen = false;
  const redraw = () => {
    const now = Math.round(element.clientWidth);
    if (seen && now && now !== width) {
      width = now;
      draw(now);
    }
  };
  new ResizeObserver(redraw).observe(element);
  const watch = new IntersectionObserver(
    (entries) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        watch.disconnect();
        seen = true;
        redraw();
      }
    },
    { rootMargin: "400px" },
  );
  watch.observe(element);
  return element;
}

function select(label, options, chosen, changed) {
  const box = el(
    "select",
    { onchange: () => changed(box.value) },
    options.map(([value, text]) => el("option", { value, selected: value === chosen }, text)),
  );
  return el("label", { class: "choice" }, `${label} `, box);
}

function table(head, rows, kind) {
  return el(
    "div",
    { class: "scroll" },
    el(
      "table",
      { class: kind || "" },
      head ? el("thead", {}, el("tr", {}, head.map((cell) => el("th", {}, cell)))) : null,
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, cell))))),
    ),
  );
}
