// The key below the map: a colour bar whose limits can be typed, or a chip a class. All text is set as text.

const make = (tag, name, parent, text) => {
  const el = document.createElement(tag)
  el.className = name
  if (text !== undefined) el.textContent = text
  parent?.append(el)
  return el
}

const number = text => Number(text.trim().replaceAll("−", "-").replace(",", ".") || NaN)

export function render({model}) {
  const root = make("div", "mt-map-key")
  let fields = null

  function commit() {
    const [low, high] = [number(fields.low.value), number(fields.high.value)]
    const wrong = !(Number.isFinite(low) && Number.isFinite(high) && low < high)
    for (const field of [fields.low, fields.high]) {
      field.classList.toggle("mt-wrong", wrong)
      field.title = wrong ? "Two numbers, the lower one on the left" : field.name
    }
    const {content} = model
    if (!wrong && (fields.low.value !== content.low || fields.high.value !== content.high))
      model.send_msg({kind: "limits", limits: [low, high]})
  }

  function field(name, title, parent) {
    const input = make("input", `mt-map-limit mt-map-limit-${name}`, parent)
    input.type = "text"
    input.inputMode = "decimal"
    input.name = input.title = title
    input.setAttribute("aria-label", title)
    input.spellcheck = false
    input.autocomplete = "off"
    input.addEventListener("focus", () => input.select())
    input.addEventListener("blur", commit)
    input.addEventListener("keydown", event => {
      event.stopPropagation() // the app's keys are not for who is typing
      if (event.key === "Enter") input.blur()
      if (event.key === "Escape") {
        input.value = model.content[name]
        input.blur()
      }
    })
    return input
  }

  function build_bar() {
    root.replaceChildren()
    const title = make("div", "mt-map-title", root)
    const bar = make("div", "mt-map-bar", root)
    const low = field("low", "Lower limit of the colours", bar)
    const strip = make("div", "mt-map-strip", bar)
    const ends = [make("div", "mt-map-end mt-map-end-low", strip), null]
    const ramp = make("div", "mt-map-ramp", strip)
    ends[1] = make("div", "mt-map-end mt-map-end-high", strip)
    const ticks = make("div", "mt-map-ticks", strip)
    const high = field("high", "Upper limit of the colours", bar)
    const auto = make("button", "mt-map-auto", bar, "auto")
    auto.type = "button"
    auto.title = "Limits from the values again: 96 % of them lie between"
    auto.addEventListener("click", () => model.send_msg({kind: "limits", limits: null}))
    const none = make("div", "mt-map-chip mt-map-no-data", root)
    fields = {title, low, high, ramp, ends, ticks, auto, none}
  }

  function set_title(el, {label, unit}) {
    el.replaceChildren()
    make("span", "mt-map-label", el, label)
    if (unit) make("span", "mt-map-unit", el, unit)
    el.title = unit ? `${label} (${unit})` : label
  }

  function chip(el, colour, text) {
    el.replaceChildren()
    make("span", "mt-map-swatch", el).style.background = colour
    make("span", "mt-map-name", el, text)
    el.title = text
  }

  function show_bar(content) {
    if (!fields) build_bar()
    set_title(fields.title, content)
    const typing = root.getRootNode().activeElement
    for (const name of ["low", "high"]) if (fields[name] !== typing) fields[name].value = content[name]
    const {colours} = content
    fields.ramp.style.background = `linear-gradient(to right, ${colours.join(", ")})`
    fields.ends.forEach((end, i) => {
      end.style.background = i ? colours.at(-1) : colours[0]
      end.style.visibility = content.beyond[i] ? "visible" : "hidden"
      end.title = i ? "Some values are higher" : "Some values are lower"
    })
    fields.ticks.replaceChildren()
    for (const [share, text] of content.ticks) make("span", "mt-map-tick", fields.ticks, text).style.left = `${share * 100}%`
    fields.auto.style.visibility = content.pinned ? "visible" : "hidden"
    fields.none.hidden = !content.no_data
    if (content.no_data) chip(fields.none, content.no_data, "no data")
  }

  function show_classes(content) {
    fields = null
    root.replaceChildren()
    if (content.label) set_title(make("div", "mt-map-title", root), content)
    const chips = make("div", "mt-map-chips", root)
    for (const [name, colour] of content.classes) chip(make("div", "mt-map-chip", chips), colour, name)
    if (content.more) make("div", "mt-map-more", chips, `and ${content.more} more`)
    if (content.no_data) chip(make("div", "mt-map-chip mt-map-no-data", chips), content.no_data, "none")
  }

  function show() {
    const {content} = model
    if (content.kind === "values") show_bar(content)
    else if (content.kind === "classes") show_classes(content)
    else {
      fields = null
      root.replaceChildren()
    }
  }

  model.on("content", show)
  show()
  return root
}
