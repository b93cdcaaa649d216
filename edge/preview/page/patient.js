// Whom the visit is of. Identity is held in this module and on the screen, while it is shown: never in an address, the
// title or what the browser stores; it is fetched anew after every break, and gone when the connection is.
import { ask } from "/api.js";
import { isConnected } from "/connection.js";
import { $, make, open } from "/dom.js";
import { act, consequences, current, isOpen, onVisit, say, sure, why } from "/visit.js";
import { clock, onLanguage, word } from "/words.js";

const LONGEST = 64, SHORT = 16; // bytes that DICOM has for a name or an ID, and for an accession number
const DAY_MS = 86400000;
const FIELDS = ["patient_id", "family", "given", "birth_date", "sex", "accession_number"];

let patient = null, next = false, asked = 0;
let worklist = null, partial = false; // null while it is asked, and where it is away
let seen = 0; // the visit that was the one of now when the dialog was opened

const field = (name) => $(`p-${name}`);
const text = (name) => field(name).value.trim();

/** A name as people write it: DICOM has Family^Given^Middle^Prefix^Suffix. */
export function written(name) {
  const [family = "", given = "", middle = "", prefix = ""] = (name ?? "").split("=")[0].split("^");
  return [[prefix, family].filter(Boolean).join(" "), [given, middle].filter(Boolean).join(" ")].filter(Boolean).join(", ");
}

const details = (of) => [of.patient_id, of.birth_date, of.sex ? word(`sex_${of.sex}`) : ""].filter(Boolean).join(" · ");

// --- on the page
export async function fetchPatient() {
  const mine = ++asked, visit = current();
  patient = null;
  if (visit?.identified && isConnected()) {
    try {
      const said = await ask("/patient");
      if (mine !== asked || current()?.number !== visit.number || said.visit !== visit.number) return;
      patient = said.patient ?? null;
    } catch { /* it stays unnamed until the next event */ }
  }
  if (mine === asked) draw();
}

export function forgetPatient() {
  asked++;
  patient = null;
  draw();
}

function draw() {
  const visit = current();
  $("who").disabled = !visit?.identity;
  const known = patient && (written(patient.patient_name) || patient.patient_id);
  $("who-name").textContent = !visit?.identity ? "" : known || word(visit.identified ? "identified" : "unidentified");
  $("who-more").textContent = !patient ? "" : details({ ...patient, patient_id: written(patient.patient_name) ? patient.patient_id : "" });
  $("who-visit").textContent = !visit ? "" : word(isOpen() ? "visit" : "visit_ended", { n: visit.kept_as ?? visit.number });
  $("who").dataset.known = Boolean(visit?.identified);
}

onVisit((visit, before) => {
  if (visit && before && ["number", "identified", "identities"].every((each) => visit[each] === before[each])) { draw(); return; }
  if (visit?.number !== before?.number && !next) $("patient").close(); // the one of another visit
  fetchPatient();
});

// --- the dialog
/** What the next patient means for the visit of now, as lines. */
const ends = () => (isOpen() && current().captures.length ? [word("next_ends"), ...consequences()] : []);

const warn = (lines) => $("p-consequences").replaceChildren(...lines.map((each) => make("p", { textContent: each })));

/** What a scanner has read: the patient of the open dialog, in place of whoever was in it; else the next one. */
export function scanned(read) {
  if (!$("patient").open || $("p-yes").hidden) {
    for (const each of ["large", "settings", "asked", "visits", "sure", "patient"]) $(each).close();
    return openNext(read);
  }
  if (text("patient_id") && text("patient_id") !== read) $("patient-form").reset(); // the name was that one's too
  field("patient_id").value = read;
  $("p-said").textContent = "";
  drawWorklist();
  take();
}

export function openNext(scanned = "") {
  if (!current() || !isConnected()) return;
  if (!current().identity) return nextUnnamed(ends());
  fill("next_title", "begin", true);
  warn(ends());
  field("patient_id").value = scanned;
  open($("patient"));
  field("patient_id").focus();
  fetchWorklist();
}

/** Where no identity can be kept, there is nothing to fill in. */
async function nextUnnamed(lines) {
  const { number } = current();
  if (lines.length > 1 && !await sure("next_title", lines, "begin")) return;
  if (await act("/visit/next", {}, say, number)) say(word("begun"));
}

export function openIdentify() {
  if (!isConnected() || !current()?.identity) return;
  if (!isOpen()) { openNext(); return; }
  fill("identify_title", "save", false);
  if (patient) {
    const [family = "", given = ""] = (patient.patient_name ?? "").split("^");
    Object.assign(field("family"), { value: family });
    Object.assign(field("given"), { value: given });
    for (const each of ["patient_id", "birth_date", "sex", "accession_number"]) field(each).value = patient[each] ?? "";
  }
  const fixed = current().identified && current().captures.length > 0; // pictures bear that identity
  warn(fixed ? [word("fixed")] : []);
  for (const each of FIELDS) field(each).disabled = fixed;
  $("p-yes").hidden = fixed;
  $("p-list").hidden ||= fixed;
  open($("patient"));
  (fixed ? $("p-no") : field("patient_id")).focus();
  fetchWorklist();
}

function fill(title, yes, isNext) {
  $("patient-form").reset();
  [next, worklist, seen] = [isNext, null, current().number];
  $("patient-title").textContent = word(title);
  $("p-yes").textContent = word(yes);
  for (const each of FIELDS) field(each).disabled = false;
  $("p-yes").hidden = false;
  $("p-without").hidden = !isNext;
  $("p-list").hidden = document.body.dataset.worklist !== "true";
  $("p-said").textContent = "";
  field("birth_date").max = new Date(Date.now() + DAY_MS).toISOString().slice(0, 10); // a newborn's, in any time zone
}

async function fetchWorklist() {
  if ($("p-list").hidden) return;
  const mine = seen;
  $("worklist").replaceChildren();
  $("worklist-said").textContent = word("worklist_loading");
  try {
    const said = await ask("/worklist");
    if (!$("patient").open || mine !== seen) return; // it was closed meanwhile
    [worklist, partial] = [said.items, Boolean(said.note)];
    drawWorklist();
  } catch {
    $("worklist-said").textContent = word("worklist_away");
  }
}

function drawWorklist() {
  if (worklist === null) return;
  const typed = text("patient_id").toLowerCase();
  const match = worklist.filter((each) => !typed || `${each.patient_id} ${written(each.patient_name)}`.toLowerCase().includes(typed));
  $("worklist-said").textContent = worklist.length === 0 ? word("worklist_none") : match.length === 0 ? word("worklist_other")
    : partial ? word("worklist_partial") : "";
  $("worklist").replaceChildren(...match.map((each) => make("li", {}, make("button", {
    type: "button", onclick: () => begin({ worklist: each.key }),
  }, make("b", { textContent: written(each.patient_name) || each.patient_id }),
  make("span", { textContent: [clock(each.scheduled), details(each), each.accession_number].filter(Boolean).join(" · ") })))));
}

/** What was typed, as the fields of DICOM; null where a field has not the form, which is said. */
function typed() {
  const bytes = (each) => new TextEncoder().encode(each).length;
  const name = [text("family"), text("given")].join("^").replace(/\^$/, "");
  const bad = [["patient_id", /[\\\p{Cc}]/u, LONGEST], ["family", /[\\^=\p{Cc}]/u, LONGEST], ["given", /[\\^=\p{Cc}]/u, LONGEST],
    ["accession_number", /[\\\p{Cc}]/u, SHORT]].find(([each, wrong, longest]) => wrong.test(text(each)) || bytes(text(each)) > longest);
  if (bad || bytes(name) > LONGEST) return complain(bad?.[0] ?? "given", word("form_text", { n: bad?.[2] ?? LONGEST }));
  if (!field("birth_date").validity.valid) return complain("birth_date", word("form_date"));
  const given = { patient_id: text("patient_id"), patient_name: name, birth_date: text("birth_date"),
    sex: text("sex"), accession_number: text("accession_number") };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value));
}

function complain(name, sentence) {
  field(name).setAttribute("aria-invalid", "true");
  field(name).focus();
  $("p-said").textContent = sentence;
  return null;
}

const entriesOf = (id) => (worklist ?? []).filter((each) => id && each.patient_id === id);

/** The ID is there: that begins the visit of an entry of the worklist, but nothing that nobody has looked at. */
function take() {
  if (entriesOf(text("patient_id")).length === 1) submit();
  else $("p-yes").focus();
}

async function submit() {
  for (const each of FIELDS) field(each).removeAttribute("aria-invalid");
  $("p-said").textContent = "";
  const given = typed();
  if (given === null) return;
  if (!Object.keys(given).length) return complain("patient_id", word("form_empty"));
  // An ID that was scanned and is on the worklist means that entry.
  const same = Object.keys(given).length === 1 ? entriesOf(given.patient_id) : [];
  if (same.length > 1) return complain("patient_id", word("choose_one"));
  return begin(same.length ? { worklist: same[0].key } : { patient: given });
}

async function begin(body) {
  const tell = (sentence) => { $("p-said").textContent = sentence; };
  const done = await act(next ? "/visit/next" : "/visit/patient", body, tell, seen);
  if (!done) { // it was said; once more means the visit of now, and what that ends
    seen = current()?.number ?? seen;
    if (next && $("patient").open) warn(ends());
    return;
  }
  const began = next;
  $("patient").close();
  say(word(began ? "begun" : "saved"));
  if (!began) fetchPatient();
}

$("who").addEventListener("click", openIdentify);
$("next").addEventListener("click", () => openNext());
$("p-without").addEventListener("click", () => begin({}));
$("p-no").addEventListener("click", () => $("patient").close());
$("patient-form").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
field("patient_id").addEventListener("input", drawWorklist);
field("patient_id").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  take();
});
$("patient").addEventListener("close", () => {
  $("patient-form").reset();
  $("worklist").replaceChildren();
  worklist = null;
});
onLanguage(draw);
