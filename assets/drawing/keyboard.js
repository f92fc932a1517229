// Keys. They belong to the page, so they are listened for while the figure is there and shown, and never while typing.

const TYPING = "input:not([type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable=''], "
  + "[contenteditable=true], [role=textbox], [role=combobox], [role=listbox], [role=menu], [role=dialog]";
const TOOLS = {p: "polygon", b: "box", v: "edit"};

const isTyping = (event) => event.composedPath().some((node) => node.isContentEditable || node.matches?.(TYPING));

/** Give keys to a drawing until the signal ends. */
export function listenToKeys(drawing, {keys, signal}) {
  const act = (event) => {
    if (drawing.isDragging) return event.key === "Escape" && drawing.cancelDrag();
    if (drawing.tool?.key(event)) { drawing.draw(); return true; }
    if (keys !== "all" || event.altKey || event.shiftKey) return false;
    const isDelete = event.key === "Delete" || (event.key === "Backspace" && event.metaKey);   // Macs have no Delete
    if (isDelete && drawing.tool && !drawing.tool.busy) return drawing.removeSelected();
    if (event.ctrlKey || event.metaKey) return false;
    if (event.key === "Escape" && drawing.tool && drawing.mode !== "edit") { drawing.turnTo("edit"); return true; }
    const mode = TOOLS[event.key.toLowerCase()];
    if (mode) drawing.turnTo(mode);
    return mode !== undefined;
  };
  const listener = (event) => {
    if (event.defaultPrevented || !drawing.isShown || isTyping(event) || !act(event)) return;
    event.preventDefault();
    event.stopPropagation();   // the page's own Enter, Escape or Ctrl+Z must not act too
  };
  document.addEventListener("keydown", listener, {capture: true, signal});
}
