// The bar above the picture: one warning at a time, the most urgent one; a tap leads to what can be done about it.
import { $ } from "/dom.js";
import { current, onVisit } from "/visit.js";
import { openVisits } from "/visits.js";
import { onLanguage, size, word } from "/words.js";

let before = null, heard = false; // the visit that a restart has cut, as far as this page saw it; and whether it was read

/** The program was restarted while this page showed a visit. */
export function restartedFrom(visit) {
  before = visit?.state === "open" ? visit.kept_as : null;
  heard = false;
}

/** What there is to warn of, as the word for it and what fills it. */
function warning(visit) {
  const cut = visit?.number === 1 && !heard ? visit.restarted ?? before : null;
  if (cut !== null) return ["restarted", { n: cut }];
  const free = visit?.free_mib ?? null, fill = { free: free === null ? "–" : size(free) };
  if (visit?.disk === "unknown") return ["disk_unknown", {}];
  if (visit?.disk === "full") return ["disk_full", fill];
  if (visit?.unanswered) return ["unanswered", { n: visit.unanswered }];
  if (visit?.disk === "low") return ["disk_low", fill];
  return null;
}

function draw() {
  const found = warning(current()), text = found ? word(...found) : "";
  $("warning").hidden = !found;
  $("warning").dataset.kind = found?.[0] ?? "";
  if ($("warning-text").textContent !== text) $("warning-text").textContent = text;
}

$("warning").addEventListener("click", () => {
  if ($("warning").dataset.kind !== "restarted") { openVisits($("warning").dataset.kind === "unanswered"); return; }
  heard = true; // it is read: what else there is to warn of comes next
  draw();
});
onVisit(draw);
onLanguage(draw);
