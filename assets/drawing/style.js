// How drawing looks. Text follows the page's theme by Material UI's variables, so light and dark need no code; lines have
// a white casing in both, since they stand on a picture of any colour.

export const STYLE = `
.mt-drawing {
  --ink: var(--mui-palette-text-primary, #1b2733);
  --paper: var(--mui-palette-background-paper, #fff);
  --wrong: #d32f2f;
  position: absolute; inset: 0; pointer-events: none; overflow: hidden;
  font-family: var(--mui-font-family, Roboto, Helvetica, Arial, sans-serif);
}
.mt-drawing svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: hidden; }
.mt-drawing path { vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.mt-drawing .casing { fill: none; stroke: #fff; stroke-opacity: 0.8; stroke-width: 4; }
.mt-drawing .area { fill: var(--colour); fill-opacity: 0; stroke: var(--colour); stroke-width: 2; }
.mt-drawing .hovered .area { fill-opacity: 0.1; stroke-width: 2.5; }
.mt-drawing .selected .casing { stroke-opacity: 0.95; stroke-width: 6.5; }
.mt-drawing .selected .area { fill-opacity: 0.16; stroke-width: 3; }
.mt-drawing .sketch .area { fill-opacity: 0.18; stroke: none; }
.mt-drawing .sketch .line { fill: none; stroke: var(--colour); stroke-width: 2.5; }
.mt-drawing .sketch .closing { fill: none; stroke: var(--colour); stroke-width: 1.5; stroke-dasharray: 3 4; stroke-opacity: 0.8; }
.mt-drawing .crossing .line, .mt-drawing .crossing .closing, .mt-drawing .area-group.crossing .area {
  stroke: var(--wrong); stroke-dasharray: 6 4; stroke-opacity: 1;
}
.mt-drawing .crossing .area { fill: var(--wrong); fill-opacity: 0.14; }
.mt-drawing circle { fill: #fff; stroke: var(--colour); stroke-width: 2; }
.mt-drawing .middle { fill: #fff; fill-opacity: 0.75; stroke-width: 1.5; stroke-opacity: 0.75; }
.mt-drawing .active { fill: var(--colour); fill-opacity: 1; stroke: #fff; stroke-opacity: 1; }
.mt-drawing text {
  font-size: 12.5px; font-weight: 500; text-anchor: middle; dominant-baseline: central;
  fill: var(--ink); stroke: var(--paper); stroke-width: 3.5px; stroke-linejoin: round; stroke-opacity: 0.9; paint-order: stroke;
}
.mt-drawing text.selected { font-weight: 700; }
.mt-drawing .mt-drawing-hint {
  position: absolute; transform: translateX(-50%); box-sizing: border-box; max-width: calc(100% - 24px);
  padding: 5px 14px; border-radius: 15px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
  font-size: 12.5px; line-height: 20px; color: #fff; background: rgba(24, 32, 40, 0.86);
  box-shadow: 0 1px 4px rgba(0, 0, 0, 0.35), 0 0 0 1px rgba(255, 255, 255, 0.14);
}
.mt-drawing .mt-drawing-hint.wrong { background: #b3261e; }
.mt-drawing .mt-drawing-hint:empty { display: none; }
.mt-drawing ~ [data-mt-cursor] {
  outline: none !important;
  -webkit-user-select: none !important; user-select: none !important;   /* or a drag out of the map selects text */
}
.mt-drawing ~ [data-mt-cursor="crosshair"] { cursor: crosshair !important; }
.mt-drawing ~ [data-mt-cursor="pointer"] { cursor: pointer !important; }
.mt-drawing ~ [data-mt-cursor="move"] { cursor: move !important; }
.mt-drawing ~ [data-mt-cursor="copy"] { cursor: copy !important; }
.mt-drawing ~ [data-mt-cursor="grab"] { cursor: grab !important; }
.mt-drawing ~ [data-mt-cursor="grabbing"] { cursor: grabbing !important; }
.mt-drawing ~ [data-mt-cursor="default"] { cursor: default !important; }
`;
