/* draw_grid.h - tasks on a grid as seen from above. */
#pragma once
#include "view/canvas.h"

/** A grid and who is on it. cells: rows one behind the other; 'S' start, 'G' goal, 'H' hole, 'C' cliff, '#' wall, any
 * other is free. at: the cell of the agent, row * n_cols + column; outside the grid: none is drawn. */
void rv_draw_grid(rv_canvas *canvas, rv_box box, int n_rows, int n_cols, const char *cells, int at);

/** Taxi: state = ((row * 5 + column) * 5 + passenger) * 4 + destination; passenger 4 is in the taxi. */
void rv_draw_taxi(rv_canvas *canvas, rv_box box, int state);
