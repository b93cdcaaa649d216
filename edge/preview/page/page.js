// The page beside the camera: what comes from the camera goes to the module that shows it.
import { ask } from "/api.js";
import { connect, isConnected, isLive } from "/connection.js";
import { $, open } from "/dom.js";
import { listenToKeys } from "/keys.js";
import { forgetFrame, showFrame, startOver } from "/live.js";
import { fetchPatient, forgetPatient, openNext, scanned } from "/patient.js";
import { SOUNDS, play } from "/sound.js";
import { askDiscard, largeKeys, showPictures } from "/strip.js";
import { current, drawAgain, endVisit, say, showVisit, stateEye, why } from "/visit.js";
import { restartedFrom } from "/warning.js";
import { choose, known, language, remember, remembered, word } from "/words.js";

const NOTE_MS = 15000;

let session = null, noted = null, told = 0;

// --- what the session says
function begin(said) {
  if (said.session !== session) { // the server was restarted
    told = 0;
    if (session !== null) restartedFrom(current());
    for (const each of ["patient", "large", "sure"]) $(each).close(); // they are about a visit that this program does not know
    session = said.session;
    showVisit(null);
    startOver(said.history);
    $("note").hidden = true;
  }
  document.body.dataset.keeps = said.keeps;
  document.body.dataset.worklist = Boolean(said.worklist);
  $("strictness").hidden = said.strictness === null;
  for (const each of document.getElementsByName("strictness")) each.checked = each.value === said.strictness;
  const names = known(said.languages);
  if ($("language").options.length !== names.length)
    $("language").replaceChildren(...names.map(([code, name]) => new Option(name, code, false, code === language())));
}

function note(sentence, number) {
  if (number <= told) return; // heard before the connection was lost
  told = number;
  $("note-text").textContent = sentence;
  $("note").hidden = false;
  clearTimeout(noted);
  noted = setTimeout(() => { $("note").hidden = true; }, NOTE_MS);
}

function linked(name) {
  if (name === "live") fetchPatient();
  else forgetFrame();
  if (!isConnected()) forgetPatient();
  drawAgain();
}

// --- what the operator does
async function trigger() {
  if ($("trigger").disabled || !isLive()) return;
  say(word("asked"));
  try { await ask("/trigger", current() ? { visit: current().number } : {}); } catch (refused) { say(why(refused)); }
}

function flipped(box) {
  remember(box, $(box).checked);
  if (box === "sound") play(SOUNDS.steady);
}

function flip(box) {
  $(box).checked = !$(box).checked;
  flipped(box);
}

$("trigger").addEventListener("click", trigger);
$("menu").addEventListener("click", () => open($("settings")));
$("settings-close").addEventListener("click", () => $("settings").close());
$("note-close").addEventListener("click", () => { $("note").hidden = true; });
for (const box of ["map", "sound"]) {
  $(box).checked = remembered(box, box === "map" ? "true" : "false") === "true";
  $(box).addEventListener("change", () => flipped(box));
}
$("language").addEventListener("change", () => {
  remember("language", $("language").value);
  choose($("language").value);
  say("");
});
$("strictness").addEventListener("change", async (event) => {
  try { await ask("/settings", { strictness: event.target.value }); } catch { say(word("failed")); }
});
listenToKeys({
  "": { space: trigger, n: () => openNext(), e: endVisit, r: () => stateEye("right"), l: () => stateEye("left"),
    delete: askDiscard, m: () => flip("map"), s: () => flip("sound") },
  large: largeKeys,
}, scanned);
connect({ session: begin, frame: showFrame, visit: showVisit, captures: (captures) => showPictures(captures, session), note },
  linked);
