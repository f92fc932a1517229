// The browser's half of the map: keeps the scale equal, tells the server what is in view, asks it what lies under the
// mouse. Drawing is Bokeh's. Names as in map_frame.py.

const SETTLED = 120 // ms without a change after which a view counts as chosen
const SLOW = 400 // ms after which a view that is not drawn yet says so
const LOST = 2000 // ms after which an answer is no longer waited for
const NEVER = 2 ** 31 - 1 // ms: the longest that a browser's clock takes
const KM = 111.195 // a degree of latitude
const ICONS = {
  "zoom-in": "M19 13h-6v6h-2v-6H5v-2h6V5h2v6h6z",
  "zoom-out": "M19 13H5v-2h14z",
  home: "M10 20v-6h4v6h5v-8h3L12 3 2 12h3v8z",
}
const TITLES = {"zoom-in": "Zoom in", "zoom-out": "Zoom out", home: "Show all cells"}
const listeners = new WeakMap() // of figures: who is told of clicks now
const disposers = new WeakMap() // of figures that were attached to before, here or in another place of the page

const make = (tag, name, parent) => {
  const el = document.createElement(tag)
  el.className = name
  parent?.append(el)
  return el
}

export function render({model, view}) {
  const fig = model.figure
  const root = make("div", "mt-map-frame")
  const child = model.get_child("figure")
  root.append(child)
  const chip = make("div", "mt-map-hover", root)
  const scale = make("div", "mt-map-scale", root)
  const busy = make("div", "mt-map-busy", root)
  chip.hidden = busy.hidden = scale.hidden = true
  chip.setAttribute("role", "tooltip")
  busy.textContent = "Drawing…"
  const buttons = make("div", "mt-map-buttons", root)

  let wanted = model.want.slice(0, 4) // the extent to hold, whatever shape the frame takes
  let number = model.want[4]
  let own = false // while ranges are set from here
  let gesture = false
  let shown = false
  let timer = 0
  let slow = 0
  let last = ""
  let fresh = true // this drawing is new: what was sent to one before may not be in it

  const ranges = () => [fig.x_range.start, fig.x_range.end, fig.y_range.start, fig.y_range.end]
  const size = () => [fig.inner_width, fig.inner_height]

  // The view

  const largest = () => Math.max((360 * model.stretch) / size()[0], 180 / size()[1]) // degrees of latitude a pixel

  function fit(extent) {
    const [width, height] = size()
    if (!(width > 0 && height > 0)) return
    const [lon0, lon1, lat0, lat1] = extent
    const needed = Math.max(((lon1 - lon0) * model.stretch) / width, (lat1 - lat0) / height, 2e-3 / height)
    const degrees = Math.min(needed, largest())
    // Round the world: whatever lies a turn away looks the same, and coasts are drawn for one turn each way.
    const middle = (model.home[0] + model.home[1]) / 2
    const lon = (lon0 + lon1) / 2
    const x = lon - 360 * Math.round((lon - middle) / 360)
    const y = Math.min(85, Math.max(-85, (lat0 + lat1) / 2))
    const dx = (degrees * width) / model.stretch / 2
    const dy = (degrees * height) / 2
    own = true
    fig.x_range.setv({start: x - dx, end: x + dx, max_interval: (largest() * width) / model.stretch})
    fig.y_range.setv({start: y - dy, end: y + dy, max_interval: largest() * height})
    own = false
    settle(0)
  }

  function moved() {
    if (own) return
    gesture = true
    wanted = ranges()
    chip.hidden = true
    settle(SETTLED)
  }

  function settle(wait) {
    clearTimeout(timer)
    draw_scale()
    timer = setTimeout(tell, wait)
  }

  function tell() {
    const [width, height] = size()
    if (!shown || !(width > 0 && height > 0)) return
    const before = ranges()
    if (gesture) fit(before) // back into the world; no change where it is in it already
    clearTimeout(timer)
    const extent = ranges()
    const message = {kind: "view", extent, width, height, gesture, fresh}
    const key = JSON.stringify([extent, width, height])
    if (gesture) wanted = extent
    gesture = false
    if (key === last) return
    last = key
    fresh = false
    clearTimeout(slow)
    slow = setTimeout(() => (busy.hidden = false), SLOW)
    model.send_msg(message)
  }

  function go(extent) {
    wanted = extent
    gesture = true
    fit(extent)
  }

  function zoom(factor) {
    const [lon0, lon1, lat0, lat1] = ranges()
    const [x, y, dx, dy] = [(lon0 + lon1) / 2, (lat0 + lat1) / 2, ((lon1 - lon0) / 2) * factor, ((lat1 - lat0) / 2) * factor]
    go([x - dx, x + dx, y - dy, y + dy])
  }

  const actions = {"zoom-in": () => zoom(0.5), "zoom-out": () => zoom(2), home: () => go(model.home)}
  for (const [name, action] of Object.entries(actions)) {
    const button = make("button", `mt-map-button mt-map-${name}`, buttons)
    button.type = "button"
    button.title = TITLES[name]
    button.setAttribute("aria-label", TITLES[name])
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
    svg.setAttribute("viewBox", "0 0 24 24")
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path")
    path.setAttribute("d", ICONS[name])
    svg.append(path)
    button.append(svg)
    button.addEventListener("click", action)
  }

  function draw_scale() {
    const [lon0, lon1, lat0, lat1] = ranges()
    const km = ((lon1 - lon0) / size()[0]) * KM * Math.cos((((lat0 + lat1) / 2) * Math.PI) / 180) // a pixel
    scale.hidden = !(km > 0) || lat1 - lat0 > 100 // one bar is not true for half the world
    if (scale.hidden) return
    const most = km * 110
    const power = 10 ** Math.floor(Math.log10(most))
    const length = [5, 2, 1].find(n => n * power <= most) * power
    scale.style.width = `${length / km}px`
    scale.textContent = length >= 1 ? `${length} km` : `${Math.round(length * 1000)} m`
    const {bbox} = view.get_child_view(fig)?.frame ?? {}
    if (bbox) scale.style.left = `${bbox.left + 10}px`
    if (bbox) scale.style.top = `${bbox.bottom - 30}px`
  }

  // Under the mouse: one question at a time, so that a slow line is never behind by more than one

  let mouse = null
  let asked = 0
  let asked_at = 0

  function ask() {
    if (asked_at && performance.now() - asked_at < LOST) return
    asked_at = performance.now()
    mouse.asked = true
    model.send_msg({kind: "hover", lon: mouse.lon, lat: mouse.lat, number: ++asked})
  }

  function point(event) {
    const bbox = view.get_child_view(fig)?.frame.bbox
    const box = child.getBoundingClientRect()
    const [sx, sy] = [event.clientX - box.left, event.clientY - box.top]
    if (!bbox || event.buttons || !model.picking || !bbox.contains(sx, sy)) return leave()
    const [lon0, lon1, lat0, lat1] = ranges()
    const lon = lon0 + ((sx - bbox.left) / bbox.width) * (lon1 - lon0)
    const lat = lat1 - ((sy - bbox.top) / bbox.height) * (lat1 - lat0)
    mouse = {sx, sy, lon, lat, box: {width: box.width, height: box.height}}
    place_chip()
    ask()
  }

  function leave() {
    mouse = null
    chip.hidden = true
  }

  function place_chip() {
    // Beside the mouse, on the side where there is room.
    const {sx, sy, box} = mouse
    const right = sx < box.width - 240
    const below = sy < box.height - 110
    chip.style.left = `${sx + (right ? 16 : -16)}px`
    chip.style.top = `${sy + (below ? 16 : -16)}px`
    chip.style.transform = `translate(${right ? 0 : -100}%, ${below ? 0 : -100}%)`
  }

  function answer({number, head, rows}) {
    if (number !== asked) return
    asked_at = 0
    if (!mouse) return
    if (!mouse.asked) ask()
    chip.hidden = !head
    if (!head) return
    // Only as text: names come from files.
    chip.replaceChildren()
    make("div", "mt-map-hover-value", chip).textContent = head
    for (const row of rows) make("div", "mt-map-hover-row", chip).textContent = row
    place_chip()
  }

  // On the way down, before a tool that draws may keep an event for itself.
  child.addEventListener("pointermove", point, true)
  child.addEventListener("pointerdown", () => ((chip.hidden = true), never_press()), true)
  child.addEventListener("pointerleave", leave)

  function never_press() {
    // To Bokeh a button that rests for 300 ms is pressed, and the drag that follows is none. Nothing here is pressed.
    const gestures = view.get_child_view(fig)?.canvas_view?.ui_event_bus?.ui_gestures
    if (gestures) gestures.constructor.press_threshold = NEVER
  }

  // What comes from Bokeh and from the server

  function received(message) {
    if (message.kind === "hover") answer(message)
    if (message.kind === "painted") {
      clearTimeout(slow)
      busy.hidden = true
      if (mouse && !chip.hidden) {
        mouse.asked = false // what is said there is of the colours before
        ask()
      }
    }
  }

  if (!listeners.has(fig)) {
    for (const twice of [false, true]) {
      fig.on_event(twice ? "doubletap" : "tap", ({x, y, sx, sy}) => listeners.get(fig)({kind: "tap", lon: x, lat: y, sx, sy, twice}))
    }
  }
  listeners.set(fig, (message) => model.send_msg(message))

  let frame = 0
  const resized = () => {
    cancelAnimationFrame(frame)
    frame = requestAnimationFrame(() => fit(wanted))
  }
  const seen = new ResizeObserver(() => {
    const now = root.offsetWidth > 0 && root.offsetHeight > 0
    if (now === shown || !root.isConnected) return
    shown = now
    last = ""
    if (shown) resized()
    else model.send_msg({kind: "hidden"})
  })
  const signals = [
    ...[fig.x_range, fig.y_range].flatMap(r => [r.properties.start.change, r.properties.end.change]).map(s => [s, moved]),
    ...[fig.properties.inner_width.change, fig.properties.inner_height.change].map(s => [s, resized]),
  ]
  disposers.get(fig)?.()
  for (const [signal, slot] of signals) signal.connect(slot)
  model.on("msg:custom", received)
  model.on("want", () => {
    if (model.want[4] === number) return // what was chosen here
    number = model.want[4]
    wanted = model.want.slice(0, 4)
    fit(wanted)
  })
  seen.observe(root)
  const dispose = () => {
    for (const [signal, slot] of signals) signal.disconnect(slot)
    seen.disconnect()
    for (const id of [timer, slow]) clearTimeout(id)
    cancelAnimationFrame(frame)
  }
  disposers.set(fig, dispose)
  // No word to the server, which took it off the page: a model that has left the document cannot be named in a message.
  model.on("remove", dispose)
  return root
}
