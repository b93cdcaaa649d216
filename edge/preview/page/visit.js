// The visit of now: which eye, what is there and what is missing, its end. The camera keeps all of it; the page shows
// what it was told last, and every request names the visit it means, so that two phones cannot mix two patients.
import { Refusal, ask } from "/api.js";
import { isConnected, isLive } from "/connection.js";
import { $, icon, make, open } from "/dom.js";
import { COMPLETE, QUESTION, play } from "/sound.js";
import { onLanguage, word } from "/words.js";

export const EYES = ["right", "left"];
const SAID_MS = 6000;

let visit = null, silent = null, turn = Promise.resolve();
const asked = new Set(); // requests that have no answer yet
const listeners = [];

export const current = () => visit;
export const isOpen = () => visit?.state === "open";
export const onVisit = (listener) => listeners.push(listener);
export const eyeName = (eye) => word(eye ?? "eye_unknown");
export const fieldName = (field) => word(field ?? "any_field");
export const asking = () => (visit?.captures ?? []).filter((each) => each.question || each.contradiction);

export function showVisit(said) {
  const before = visit;
  visit = said;
  document.body.dataset.visit = visit?.state ?? "none";
  if (before && visit?.number !== before.number) $("sure").close("");
  for (const listener of listeners) listener(visit, before);
  draw();
  if (!before || !visit || before.number !== visit.number) return;
  if (before.missing.length && !visit.missing.length && visit.wanted.length) { say(word("complete")); play(COMPLETE); }
  const known = new Set(before.captures.filter((each) => each.question || each.contradiction).map((each) => each.number));
  if (asking().some((each) => !known.has(each.number))) play(QUESTION);
}

/** One sentence about what was just done. */
export function say(sentence) {
  $("said").textContent = sentence;
  clearTimeout(silent);
  silent = setTimeout(() => { $("said").textContent = ""; }, SAID_MS);
}

/** What the camera refused, as a sentence in the language of the page; what is rare, in the camera's own words. */
export function why(refused) {
  if (!(refused instanceof Refusal)) throw refused;
  const known = refused.code === "other_visit" ? "conflict" : { 403: "not_encrypted", 413: "too_long" }[refused.status];
  return known ? word(known) : refused.message || word("failed");
}

/** Ask the camera for something in a visit; one request after the other, and none twice at a time: a finger may tap again
 * while the disk is slow. Returns the answer, or null where it was refused.
 * @param {number} number of the visit that the operator had before the eyes when this began: by now it may be another. */
export async function act(path, body = {}, tell = say, number = visit?.number) {
  const request = JSON.stringify([path, body, number]);
  if (!number || asked.has(request)) return null;
  asked.add(request);
  const session = visit?.session; // numbers of visits begin anew with each start of the program
  const answer = turn.then(() => ask(path, { visit: number, session, ...body }));
  turn = answer.catch(() => {});
  try {
    return await answer;
  } catch (refused) {
    tell(why(refused));
    return null;
  } finally {
    asked.delete(request);
  }
}

// --- the eye
export async function stateEye(eye) {
  if (!isOpen() || $(`eye-${eye}`).disabled) return;
  const other = visit.stated === eye ? null : eye; // the second tap leaves it to the picture again
  if (await act("/visit/eye", { eye: other })) say(other ? word("eye_set", { eye: eyeName(eye) }) : word("eye_free"));
}

function drawEye(eye) {
  const now = visit.stated ?? seen(), button = $(`eye-${eye}`);
  const wanted = visit.wanted.filter((each) => each.eye === eye);
  const there = (each) => !visit.missing.some((other) => other.eye === eye && other.field === each.field);
  const parts = wanted.map((each) => `${fieldName(each.field)}: ${word(there(each) ? "done" : "missing")}`);
  button.disabled = !isOpen() || !isConnected();
  button.setAttribute("aria-pressed", now === eye);
  button.setAttribute("aria-label", [eyeName(eye), ...parts, now === eye ? how() : ""].filter(Boolean).join(", "));
  button.querySelector(".letter").textContent = word(`${eye}_short`);
  button.querySelector(".name").textContent = eyeName(eye);
  button.querySelector(".fields").replaceChildren(...wanted.map((each, index) => make("span",
    { className: "field", data: { done: there(each) } }, icon(there(each) ? "done" : "missing"), ` ${parts[index]}`)));
}

const how = () => word(visit.stated ? "stated" : "told");
const seen = () => (isLive() ? visit.eye : null); // what the last picture told is nothing of now

function drawEyeWord() {
  const told = seen(), contradicts = visit.stated && told && visit.stated !== told, answerable = isOpen() && isLive();
  $("eyes").dataset.asks = !isOpen() ? "ended" : !answerable ? "" : contradicts ? "contradiction" : !visit.stated && !told && visit.field ? "unknown" : "";
  $("eye-said").textContent = !isOpen() ? word("after_end") : !answerable ? ""
    : contradicts ? word("eye_contradicts")
    : visit.stated ? word("stated") : told ? word("told") : visit.field ? word("eye_which") : "";
}

function draw() {
  if (!visit) return;
  for (const eye of EYES) drawEye(eye);
  drawEyeWord();
  $("now").textContent = !visit.field && !visit.stated ? ""
    : [word(`${visit.stated ?? visit.eye}_short`), visit.field ? word(visit.field) : ""].filter(Boolean).join(" · ");
  drawSent();
  const complete = visit.wanted.length > 0 && visit.missing.length === 0 && !asking().length;
  document.body.dataset.complete = complete && isOpen();
  $("end").disabled = !isOpen() || !isConnected();
  $("next").disabled = !isConnected();
  $("trigger").disabled = !isOpen() || !isLive();
}

/** What has reached the archive, or has not yet: one word and how many. */
function drawSent() {
  const { state, files } = visit.delivery ?? {}, name = { sent: "sent", waiting: "sending", failed: "unsent" }[state];
  const text = name ? word(name, { n: files }) : "";
  $("sent").dataset.state = state ?? "";
  if ($("sent").textContent !== text) $("sent").textContent = text;
}

export const drawAgain = draw;

// --- its end
/** What ending this visit means, as lines; empty where all is there, nothing is asked, and it is known whose it is. */
export function consequences() {
  const lines = [], asked = asking().length, kept = visit.captures.length;
  if (visit.missing.length) lines.push(`${word("still_missing")}: ${visit.missing.map(whatName).join(", ")}`);
  if (asked) lines.push(word("not_sent", { n: asked }));
  if (kept && visit.identity && !visit.identified) lines.push(word("nobody"));
  return lines.length && kept ? [word("goes", { n: kept }), ...lines] : lines;
}

export const whatName = ({ eye, field }) => (field ? `${eyeName(eye)} (${fieldName(field)})` : eyeName(eye));

export async function endVisit() {
  if (!isOpen() || !isConnected()) return;
  const lines = consequences(), { number } = visit;
  if (lines.length && !await sure("end_title", lines, "end")) return;
  if (await act("/visit/end", {}, say, number)) say(word("ended_now"));
}

/** Ask before something that cannot be taken back. */
export function sure(title, lines, yes) {
  const dialog = $("sure");
  $("sure-title").textContent = word(title);
  $("sure-lines").replaceChildren(...lines.map((each) => make("p", { textContent: each })));
  $("sure-yes").textContent = word(yes);
  dialog.returnValue = "";
  open(dialog);
  $("sure-no").focus();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true });
  });
}

$("sure-yes").addEventListener("click", () => $("sure").close("yes"));
$("sure-no").addEventListener("click", () => $("sure").close(""));
for (const eye of EYES) $(`eye-${eye}`).addEventListener("click", () => stateEye(eye));
$("end").addEventListener("click", endVisit);
onLanguage(draw);
