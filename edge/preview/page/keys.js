// Keys, and a barcode scanner, which types as if it were a keyboard but faster than any hand: what it types is no row of
// commands but the identity of the next patient.
import { anyDialog } from "/dom.js";

const HAND_MS = 120; // a scanner's next letter comes sooner, a hand's does not
const SHORTEST = 3; // letters of an identity

let typed = [], timer = null, swallow = false;

/** @param {object} commands by key: a letter, "space" or "delete".
 *  @param {function} scanned gets what a scanner has read. */
export function listenToKeys(commands, scanned) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || anyDialog()) return;
    if (event.target.closest("input, select, textarea")) return;
    if (event.key === "Enter" && typed.length >= SHORTEST) {
      event.preventDefault(); // it must not press the button that has the focus
      const read = typed.map((each) => each.key).join("").trim();
      forget();
      scanned(read);
      return;
    }
    if (event.key.length !== 1 && event.key !== "Delete") return;
    const space = event.code === "Space";
    if (space && !typed.length && event.target.closest("button, summary")) return; // it presses that
    if (space) { event.preventDefault(); swallow = true; }
    if (space && !typed.length) return commands.space(); // no identity begins with one: the trigger need not wait
    typed.push({ key: event.key.length === 1 ? event.key : "", command: nameOf(event) });
    clearTimeout(timer);
    timer = setTimeout(() => {
      const only = typed.length === 1 ? typed[0].command : null;
      forget();
      if (!anyDialog()) commands[only]?.();
    }, HAND_MS);
  });
  document.addEventListener("keyup", (event) => {
    if (event.code === "Space" && swallow) { swallow = false; event.preventDefault(); }
  });
}

function forget() {
  clearTimeout(timer);
  typed = [];
}

/** By the letter, and where the keyboard has others (Hindi) by the place of the key. */
function nameOf(event) {
  if (event.key === "Delete") return "delete";
  return /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : event.code.replace(/^Key/, "").toLowerCase();
}
