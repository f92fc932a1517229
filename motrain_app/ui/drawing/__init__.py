"""Drawing on a map as in a GIS: shapes are values here, gestures run in the browser (`assets/drawing`).

`layer.DrawingLayer` is what a page attaches to a Bokeh figure; `shape`, `converters` and `naming` know neither Bokeh
nor Panel, so this package imports nothing.
"""
