// What lies on the disk: the visits that have ended, and the room that is left. It names no patient: visits have times.
import { ask } from "/api.js";
import { openAnswers } from "/answers.js";
import { $, icon, make, open } from "/dom.js";
import { current, onVisit, sure, why } from "/visit.js";
import { moment, onLanguage, size, word } from "/words.js";

let asking = false; // whether the list has only visits of which something is asked

function drawDisk() {
  const free = current()?.free_mib ?? null;
  for (const each of document.querySelectorAll(".free"))
    each.textContent = free === null ? "" : word("free", { free: size(free) });
}

/** @param {boolean} only those of which something is asked. */
export async function openVisits(only = false) {
  asking = only;
  $("settings").close();
  $("visits-list").replaceChildren();
  $("visits-said").textContent = word("loading");
  drawDisk();
  open($("visits"));
  await list();
}

/** The latest, or those before a visit, added below. */
async function list(before = null) {
  const query = new URLSearchParams({ ...(before === null ? {} : { before }), ...(asking ? { asks: 1 } : {}) });
  try {
    const { visits, total } = await ask(`/visits?${query}`);
    $("visits-list").querySelector(".older")?.remove();
    $("visits-list").append(...visits.map(row));
    $("visits-said").textContent = $("visits-list").children.length ? "" : word("visits_none");
    if (visits.length && total > $("visits-list").children.length) $("visits-list").append(make("li", { className: "older" },
      make("button", { type: "button", textContent: word("older"), onclick: () => list(visits.at(-1).number) })));
  } catch (refused) {
    $("visits-said").textContent = why(refused);
  }
}

const name = (visit) => `${word("visit", { n: visit.number })}, ${moment(visit.begun)}`;

function row(visit) {
  const state = visit.delivered ? word("delivered") : visit.waiting ? word("waiting", { n: visit.waiting })
    : visit.saving ? word("saving") : visit.asks ? "" : visit.captures ? word("stays") : "";
  const what = visit.captures ? word("visit_what", { n: visit.captures, size: size(visit.size_mib) })
    : [word("empty"), size(visit.size_mib)].join(" · ");
  return make("li", {},
    make("span", { className: "what" }, make("b", { textContent: name(visit) }), make("span", { textContent: [what, state].filter(Boolean).join(" · ") }),
      ...(visit.asks ? [make("span", { className: "asks-of", textContent: word("asks", { n: visit.asks }) })] : [])),
    ...(visit.asks ? [make("button", { type: "button", className: "answer", textContent: word("answer"),
      "aria-label": `${word("answer")}: ${name(visit)}`, onclick: () => openAnswers(visit, name(visit), again) })] : []),
    make("button", { type: "button", className: "danger", "aria-label": `${word("delete")}: ${name(visit)}`,
      onclick: () => remove(visit, [name(visit), what, visit.delivered ? state : word("not_delivered")]) }, icon("bin")));
}

async function again() {
  $("visits-list").replaceChildren();
  await list();
}

async function remove(visit, lines) {
  if (!await sure("delete_title", lines, "delete")) return;
  try {
    await ask(`/visits/${encodeURIComponent(visit.id)}/delete`, {});
    await again();
    $("visits-said").textContent = word("deleted");
  } catch (refused) {
    $("visits-said").textContent = refused.status === 409 ? word("visit_busy") : why(refused);
  }
}

$("open-visits").addEventListener("click", () => openVisits());
$("visits-close").addEventListener("click", () => $("visits").close());
onVisit(drawDisk);
onLanguage(drawDisk);
