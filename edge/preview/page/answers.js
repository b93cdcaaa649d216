// Which eye is this? Asked of the pictures of an ended visit whose eye nobody has said; they are not sent before.
import { ask } from "/api.js";
import { $, make, open } from "/dom.js";
import { EYES, eyeName, fieldName, why } from "/visit.js";
import { word } from "/words.js";

let asked = null, done = () => {};

/** @param {object} visit of the list.
 *  @param {string} name of it, for people.
 *  @param {function} changed called once something was answered and the dialog is closed. */
export async function openAnswers(visit, name, changed) {
  [asked, done] = [visit, changed];
  $("asked-visit").textContent = name;
  $("asked-list").replaceChildren();
  $("asked-said").textContent = word("loading");
  open($("asked"));
  try {
    const { questions } = await ask(`/visits/${encodeURIComponent(visit.id)}/questions`);
    if (asked !== visit) return;
    $("asked-list").replaceChildren(...questions.map(row));
    $("asked-said").textContent = questions.length ? "" : word("answered");
  } catch (refused) {
    $("asked-said").textContent = why(refused);
  }
}

function row(question) {
  const title = [question.number === null ? "" : word("picture", { n: question.number }), fieldName(question.field)]
    .filter(Boolean).join(" · ");
  const line = make("li", {},
    make("img", { src: question.picture, alt: title }),
    make("div", { className: "what" }, make("b", { textContent: title }),
      make("span", { textContent: word(question.contradiction ? "contradiction_long" : "question_long") }),
      make("div", { className: "pair" }, ...EYES.map((eye) => make("button", { type: "button", className: "pick",
        textContent: eyeName(eye), "aria-label": `${title}: ${eyeName(eye)}`, onclick: () => answer(line, question, eye) })))));
  return line;
}

async function answer(line, question, eye) {
  const buttons = [...line.querySelectorAll("button")];
  for (const each of buttons) each.disabled = true; // a finger may tap again while the disk is slow
  try {
    await ask(`/visits/${encodeURIComponent(asked.id)}/eye`, { frame: question.frame, eye });
  } catch (refused) {
    $("asked-said").textContent = why(refused);
    for (const each of buttons) each.disabled = false;
    return;
  }
  line.remove();
  $("asked-said").textContent = $("asked-list").children.length ? word("eye_set", { eye: eyeName(eye) }) : word("answered");
}

$("asked-close").addEventListener("click", () => $("asked").close());
$("asked").addEventListener("close", () => {
  asked = null;
  $("asked-list").replaceChildren(); // pictures of a patient stay on no screen
  if ($("visits").open) done();
});
