// What every module needs of the document. Text is always set as text, never as markup: names and sentences are data.
export const $ = (id) => document.getElementById(id);

/** An element with its properties, attributes (names with a dash, or "role") and children. */
export function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(made.dataset, value);
    else if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** One of the drawings at the top of index.html; a screen reader passes over it. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg"), use = document.createElementNS(space, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Open a dialog over the page; the browser keeps the focus inside it and gives it back afterwards. */
export function open(dialog) {
  if (!dialog.open) dialog.showModal();
}
