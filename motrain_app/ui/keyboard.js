// The keys of the page. They are none while somebody types, and none that belong to a sketch: the map takes those first.

const TYPING = "input:not([type=checkbox], [type=radio], [type=button]), textarea, [contenteditable=''], "
  + "[contenteditable=true], [role=textbox]";
const CHOOSING = "select, [role=combobox], [role=listbox], [role=menu], [role=dialog]";   // letters look for an entry
const PLAIN = new Set(["1", "2", "3", "4", "5", "6", "p", "b", "v", "l", "?", "delete", "arrowleft", "arrowright"]);

const isIn = (event, kind) => event.composedPath().some((node) => node.matches?.(kind));

/** Whether a key belongs to what has the focus. A list keeps it after a choice, which undo takes back all the same. */
function isTaken(event) {
  if (event.composedPath().some((node) => node.isContentEditable) || isIn(event, TYPING)) return true;
  return !(event.ctrlKey || event.metaKey) && isIn(event, CHOOSING);
}

/** Name a key that the page answers, or give null. */
function keyOf(event) {
  const key = event.key.toLowerCase();
  if (event.altKey) return null;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") return event.shiftKey ? "redo" : "undo";
    if (key === "y") return "redo";
    return key === "backspace" && event.metaKey ? "delete" : null;   // Macs have no Delete
  }
  return PLAIN.has(key) ? key : null;
}

export function render({model}) {
  const listener = (event) => {
    const key = event.defaultPrevented || isTaken(event) ? null : keyOf(event);
    if (key === null) return;
    event.preventDefault();
    model.send_msg({key});
  };
  document.addEventListener("keydown", listener);
  model.on("remove", () => document.removeEventListener("keydown", listener));
  model.on("msg:custom", (message) => { if (message.reload) window.location.reload(); });
  return document.createElement("span");
}
