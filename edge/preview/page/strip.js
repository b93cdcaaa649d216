// The kept pictures of the visit, newest first, in a strip that scrolls by itself, and one of them large.
import { $, icon, make, open } from "/dom.js";
import { judged, shown } from "/live.js";
import { KEPT, play, shake } from "/sound.js";
import { EYES, act, asking, current, eyeName, fieldName, isOpen, onVisit, say, whatName } from "/visit.js";
import { onLanguage, word } from "/words.js";

let pictures = new Map(), drawn = "", newest = 0, enlarged = null;

/** The paths of the pictures, and what was measured on them. Numbers begin anew with each visit and each start of the
 * program: a browser that remembers a picture by its address must not show another patient's. */
export function showPictures(captures, session) {
  const at = (path) => `${path}${path.includes("?") ? "&" : "?"}of=${encodeURIComponent(session)}`;
  pictures = new Map(captures.map((each) => [`${each.visit}.${each.number}`,
    { ...each, overlay: at(each.overlay), plain: at(each.plain) }]));
  draw();
}

const pictureOf = (capture) => pictures.get(`${current()?.number}.${capture.number}`);

const mayChange = (capture) => isOpen() || asks(capture); // a question stays open after the visit
const asks = (capture) => capture.contradiction || capture.question;
const askWord = (capture) => word(capture.contradiction ? "contradiction" : "question");
const title = (capture) => word("picture", { n: capture.number });

// One that is not adequate is kept, and what it shows is still missing.
const gradeOf = (capture) =>
  `${shown(capture.score)} ${word(capture.adequate === false ? "inadequate" : capture.verdict)}`;

function name(capture) {
  return [`${title(capture)}: ${whatName(capture)}`, gradeOf(capture), asks(capture) ? askWord(capture) : "", judged(measured(capture))]
    .filter(Boolean).join(", ");
}

const measured = (capture) => ({ ...capture, criterion: pictureOf(capture)?.criterion });

/** Two buttons that say which eye a capture shows. */
function eyeButtons(capture) {
  return EYES.map((eye) => make("button", {
    type: "button", className: "pick", textContent: word(`${eye}_short`), "aria-pressed": capture.eye === eye,
    "aria-label": `${title(capture)}: ${eyeName(eye)}`, onclick: () => correct(capture, eye),
  }));
}

function item(capture) {
  const picture = pictureOf(capture);
  const frame = make("span", { className: "frame" });
  if (picture) frame.append(make("img", { src: picture.overlay, alt: "" }));
  const face = make("button", { type: "button", className: "face", "aria-label": name(capture), "aria-haspopup": "dialog",
    onclick: () => enlarge(capture.number) }, frame);
  if (asks(capture)) face.append(make("span", { className: "asks" }, icon("warning"), askWord(capture)));
  const row = asks(capture)
    ? make("span", { className: "row" }, ...eyeButtons(capture))
    : make("span", { className: "caption", "aria-hidden": "true" },
      make("b", { textContent: [word(`${capture.eye}_short`), fieldName(capture.field)].join(" · ") }),
      make("span", { textContent: gradeOf(capture), data: { short: capture.adequate === false } }));
  return make("li", { data: { number: capture.number, asks: Boolean(asks(capture)) } }, face, row);
}

/** What was discarded a moment ago, in its place; a tap brings it back. */
function gone(capture) {
  const undo = make("button", { type: "button", className: "undo", textContent: word("undo"),
    "aria-label": `${word("undo")}: ${title(capture)}`, onclick: async () => {
      if (await act(`/captures/${capture.number}/undo`)) say(word("undone", { n: capture.number }));
    } });
  return make("li", { data: { number: capture.number, gone: true } },
    make("span", { className: "gone", textContent: word("discarded", { n: capture.number }) }), undo);
}

function draw() {
  const visit = current(), captures = visit?.captures ?? [];
  const discarded = visit?.discarded ?? [], sends = Boolean(visit?.delivery);
  const now = JSON.stringify([document.documentElement.lang, visit?.number, visit?.state, captures, discarded, sends, [...pictures.keys()]]);
  if (now === drawn) return; // a strip that is made anew would lose the place it was scrolled to, and the focus
  drawn = now;
  const at = document.activeElement?.closest?.("#captures li")?.dataset.number;
  const tiles = [...captures.map((each) => [each.number, item(each)]), ...discarded.map((each) => [each.number, gone(each)])];
  $("captures").replaceChildren(...tiles.sort(([one], [other]) => other - one).map(([, tile]) => tile));
  if (at) $("captures").querySelector(`[data-number="${Number(at)}"] button`)?.focus();
  $("none").hidden = tiles.length > 0;
  const asked = asking().length;
  $("pending").textContent = asked ? word("asked_pending", { n: asked })
    : captures.length === 0 ? "" : !isOpen() ? word("closed") : sends ? word("pending") : "";
  $("pending").dataset.asks = asked > 0;
  if (enlarged !== null) drawLarge();
}

onVisit((visit, before) => {
  const numbers = [...(visit?.captures ?? []), ...(visit?.discarded ?? [])].map((each) => each.number);
  const last = Math.max(0, ...numbers); // one that was discarded and comes back is no new one
  if (before && visit && before.number === visit.number && last > newest) {
    say(word("taken", { n: last }));
    play(KEPT, null, 0.05);
    shake(60);
    $("captures").scrollTo({ left: 0 });
  }
  newest = last;
  if (before && visit?.number !== before.number) $("large").close(); // that number is another picture now
  draw();
});

// --- one of them, large
export function enlarge(number) {
  enlarged = number;
  drawLarge();
  open($("large"));
}

function drawLarge() {
  const capture = current()?.captures.find((each) => each.number === enlarged);
  if (!capture) { $("large").close(); return; } // discarded here or on another phone, or another visit
  const picture = pictureOf(capture);
  $("large-title").textContent = `${title(capture)}: ${whatName(capture)}`;
  $("large-more").textContent = [gradeOf(capture), judged(measured(capture)),
    word(capture.by === "hand" ? "by_hand" : "by_auto")].filter(Boolean).join(" · ");
  $("large-asks").hidden = !asks(capture);
  $("large-asks").textContent = asks(capture) ? word(capture.contradiction ? "contradiction_long" : "question_long") : "";
  const source = picture ? ($("map").checked ? picture.overlay : picture.plain) : "";
  $("large-picture").hidden = !source;
  if (source && $("large-picture").getAttribute("src") !== source) $("large-picture").src = source;
  $("large-picture").alt = name(capture);
  for (const eye of EYES) {
    $(`large-${eye}`).textContent = eyeName(eye);
    $(`large-${eye}`).setAttribute("aria-pressed", capture.eye === eye && !asks(capture));
    $(`large-${eye}`).disabled = !mayChange(capture);
  }
  $("retake").disabled = !isOpen();
  $("discard").disabled = !mayChange(capture);
}

/** The newest picture, large, with the focus on what discards it: Del once more, or Enter. */
export function askDiscard() {
  const last = current()?.captures.at(-1);
  if (!last || !isOpen()) return;
  enlarge(last.number);
  $("discard").focus();
}

async function correct(capture, eye) {
  if (await act(`/captures/${capture.number}/eye`, { eye })) say(`${title(capture)}: ${eyeName(eye)}`);
}

async function discard(again) {
  const capture = current()?.captures.find((each) => each.number === enlarged);
  if (!capture || !await act(`/captures/${capture.number}/discard`)) return;
  if (enlarged === capture.number) $("large").close();
  $("captures").querySelector(`[data-number="${Number(capture.number)}"]`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  say(again ? word("retaken", { what: whatName(capture) }) : word("discarded", { n: capture.number }));
}

for (const eye of EYES)
  $(`large-${eye}`).addEventListener("click", () => {
    const capture = current()?.captures.find((each) => each.number === enlarged);
    if (capture) correct(capture, eye);
  });
$("retake").addEventListener("click", () => discard(true));
$("discard").addEventListener("click", () => discard(false));
$("large-close").addEventListener("click", () => $("large").close());
$("large").addEventListener("close", () => { enlarged = null; });
/** What keys do while a picture is large. */
export const largeKeys = { delete: () => discard(false), r: () => $("large-right").click(), l: () => $("large-left").click() };
onLanguage(draw);
