// Drawing on a Bokeh figure as in a GIS. This is what Bokeh runs, in a CustomJS, whenever a view of the figure was
// made; `motrain_app.ui.drawing` joins the modules and tells what the arguments hold.

import {Drawing} from "./drawing.js";

const DRAWN_ON = Symbol.for("motrain drawing");

export default ({figure, ...channels}, _object, _data, {index}) => {
  const view = index.find_one(figure);
  const events = view?.canvas_view?.events_el;
  if (!events || events[DRAWN_ON]) return;
  events[DRAWN_ON] = true;
  new Drawing(view, channels);
};
