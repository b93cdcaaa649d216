// The bar above the picture: one warning at a time, the most urgent one; a tap leads to what can be done about it.
import { $ } from "/dom.js";
import { current, onVisit } from "/visit.js";
import { openVisits } from "/visits.js";
import { onLanguage, size, word } from "/words.js";

/** What there is to warn of, as the word for it and what fills it. */
function warning(visit) {
  const free = visit?.free_mib ?? null, fill = { free: free === null ? "–" : size(free) };
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

$("warning").addEventListener("click", () => openVisits($("warning").dataset.kind === "unanswered"));
onVisit(draw);
onLanguage(draw);
