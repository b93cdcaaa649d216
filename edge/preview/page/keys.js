// Keys, and a barcode scanner, which types as if it were a keyboard but faster than any hand: what it types is no row of
// commands, no text of a field and no press of a button, but the identity of a patient, whatever is open.
const HAND_MS = 120; // a scanner's next letter comes sooner, a hand's does not
const SCANNER_MS = 40; // in a field hands type fast too, but not that fast, from letter to letter on average
const SHORTEST = 3; // letters of an identity
const ENDS = ["Enter", "Tab"]; // what a scanner sends last

let typed = [], timer = null, swallow = false;

/** The dialog on top of the page; "" for the page itself. */
const top = () => [...document.querySelectorAll("dialog[open]")].at(-1)?.id ?? "";

/** @param {object} commands of the page ("") and of dialogs by their id, each by key: a letter, "space" or "delete".
 *  @param {function} scanned gets what a scanner has read. */
export function listenToKeys(commands, scanned) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const on = top(), field = event.target.closest("input, select, textarea"), own = commands[on] ?? {};
    if (on === "door" || (field && on !== "patient")) return;
    if (typed.length && (typed[0].on !== on || typed[0].field !== field)) forget();
    if (ENDS.includes(event.key) && isScan(event, field)) {
      event.preventDefault(); // it must not press the button that has the focus
      event.stopImmediatePropagation();
      const read = typed.map((each) => each.key).join("").trim();
      if (field) field.value = typed[0].before; // it was not meant for that
      forget();
      scanned(read);
      return;
    }
    if (event.key.length !== 1 && event.key !== "Delete") return;
    const space = event.code === "Space" && !field;
    if (space && !typed.length && event.target.closest("button, summary")) return; // it presses that
    if (space) { event.preventDefault(); swallow = true; }
    if (space && !typed.length) return own.space?.(); // no identity begins with one: the trigger need not wait
    typed.push({ key: event.key.length === 1 ? event.key : "", command: nameOf(event), on, field, at: event.timeStamp,
      before: field?.value });
    clearTimeout(timer);
    timer = setTimeout(() => {
      const only = typed.length === 1 && !field ? typed[0].command : null;
      forget();
      if (top() === on) own[only]?.();
    }, HAND_MS);
  }, true);
  document.addEventListener("keyup", (event) => {
    if (event.code === "Space" && swallow) { swallow = false; event.preventDefault(); }
  }, true);
}

const isScan = (event, field) => typed.length >= SHORTEST
  && (!field || (event.timeStamp - typed[0].at) / typed.length <= SCANNER_MS);

function forget() {
  clearTimeout(timer);
  typed = [];
}

/** By the letter, and where the keyboard has others (Hindi) by the place of the key. */
function nameOf(event) {
  if (event.key === "Delete") return "delete";
  return /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : event.code.replace(/^Key/, "").toLowerCase();
}
