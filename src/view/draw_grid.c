#include "view/draw_grid.h"

#include <math.h>

/* where the cells lie */
typedef struct layout {
    rv_canvas *canvas;
    double left, top, side; /* of a cell */
    int n_rows, n_cols;
} layout;

static layout place(rv_canvas *canvas, rv_box box, int n_rows, int n_cols)
{
    double side = floor(fmin(box.width * 0.92 / n_cols, box.height * 0.92 / n_rows));
    layout l = {canvas, 0, 0, fmax(side, 1), n_rows, n_cols};
    l.left = floor(box.x + (box.width - l.side * n_cols) / 2);
    l.top = floor(box.y + (box.height - l.side * n_rows) / 2);
    rv_canvas_fill_box(canvas, box, RV_GROUND);
    rv_canvas_fill_box(canvas, (rv_box){l.left, l.top, l.side * n_cols, l.side * n_rows}, RV_PAPER);
    return l;
}

static double middle_x(const layout *l, int col)
{
    return l->left + (col + 0.5) * l->side;
}

static double middle_y(const layout *l, int row)
{
    return l->top + (row + 0.5) * l->side;
}

static void draw_lines(const layout *l)
{
    double right = l->left + l->n_cols * l->side, bottom = l->top + l->n_rows * l->side;
    for (int i = 0; i <= l->n_rows; i++)
        rv_canvas_line(l->canvas, l->left, l->top + i * l->side, right, l->top + i * l->side, 1, RV_GRID);
    for (int i = 0; i <= l->n_cols; i++)
        rv_canvas_line(l->canvas, l->left + i * l->side, l->top, l->left + i * l->side, bottom, 1, RV_GRID);
}

static void fill(const layout *l, int row, int col, rv_colour colour)
{
    rv_canvas_fill_box(l->canvas, (rv_box){l->left + col * l->side, l->top + row * l->side, l->side, l->side}, colour);
}

static void letter(const layout *l, int row, int col, rv_colour colour, const char *text)
{
    rv_canvas_text(l->canvas, middle_x(l, col), middle_y(l, row), l->side * 0.4, RV_CENTRE, 0, colour, text);
}

static void draw_cell(const layout *l, int row, int col, char cell)
{
    switch (cell) {
    case '#':
        fill(l, row, col, 0x56636f);
        break;
    case 'C':
        fill(l, row, col, 0xe3b5a8);
        break;
    case 'S':
        letter(l, row, col, RV_FAINT, "S");
        break;
    case 'G':
        fill(l, row, col, 0xbfe3d0);
        letter(l, row, col, RV_GREEN, "G");
        break;
    case 'H':
        fill(l, row, col, 0xdcebf7);
        rv_canvas_circle(l->canvas, middle_x(l, col), middle_y(l, row), l->side * 0.36, 0x41627e);
        break;
    default:
        break;
    }
}

void rv_draw_grid(rv_canvas *canvas, rv_box box, int n_rows, int n_cols, const char *cells, int at)
{
    if (n_rows < 1 || n_cols < 1)
        return;
    layout l = place(canvas, box, n_rows, n_cols);
    for (int i = 0; i < n_rows * n_cols; i++)
        draw_cell(&l, i / n_cols, i % n_cols, cells[i]);
    draw_lines(&l);
    if (at < 0 || at >= n_rows * n_cols)
        return;
    rv_canvas_circle(canvas, middle_x(&l, at % n_cols), middle_y(&l, at / n_cols), l.side * 0.3, RV_ORANGE);
    rv_canvas_circle(canvas, middle_x(&l, at % n_cols), middle_y(&l, at / n_cols), l.side * 0.1, RV_PAPER);
}

/* ---- Taxi ---- */

static const struct {
    int row, col;
    const char *name;
    rv_colour colour;
} stops[4] = {{0, 0, "R", 0xf0c4c0}, {0, 4, "G", 0xc3e6d2}, {4, 0, "Y", 0xf3e6b3}, {4, 3, "B", 0xc4d8ec}};

/* a wall to the right of a column, in these rows */
static const struct {
    int col, first, last;
} walls[] = {{1, 0, 1}, {0, 3, 4}, {2, 3, 4}};

static void draw_passenger(const layout *l, double x, double y)
{
    rv_canvas_circle(l->canvas, x, y - 0.1 * l->side, 0.07 * l->side, RV_BLUE);
    rv_canvas_line(l->canvas, x, y, x, y + 0.12 * l->side, 0.1 * l->side, RV_BLUE);
}

static void draw_cab(const layout *l, int row, int col, bool is_taken)
{
    double x = middle_x(l, col), y = middle_y(l, row), s = l->side;
    rv_canvas_fill_box(l->canvas, (rv_box){x - 0.32 * s, y - 0.08 * s, 0.64 * s, 0.24 * s}, RV_ORANGE);
    rv_canvas_fill_box(l->canvas, (rv_box){x - 0.18 * s, y - 0.24 * s, 0.36 * s, 0.18 * s}, RV_ORANGE);
    rv_canvas_fill_box(l->canvas, (rv_box){x - 0.13 * s, y - 0.19 * s, 0.26 * s, 0.12 * s},
                       is_taken ? RV_BLUE : RV_PAPER);
    rv_canvas_circle(l->canvas, x - 0.18 * s, y + 0.17 * s, 0.08 * s, RV_INK);
    rv_canvas_circle(l->canvas, x + 0.18 * s, y + 0.17 * s, 0.08 * s, RV_INK);
}

void rv_draw_taxi(rv_canvas *canvas, rv_box box, int state)
{
    layout l = place(canvas, box, 5, 5);
    int destination = state % 4, passenger = state / 4 % 5, col = state / 20 % 5, row = state / 100;
    for (int i = 0; i < 4; i++)
        fill(&l, stops[i].row, stops[i].col, stops[i].colour);
    draw_lines(&l);
    for (int i = 0; i < 4; i++)
        rv_canvas_text(canvas, middle_x(&l, stops[i].col) - 0.36 * l.side, middle_y(&l, stops[i].row) - 0.34 * l.side,
                       l.side * 0.22, RV_CENTRE, 0, RV_FAINT, stops[i].name);
    for (int i = 0; i < (int)(sizeof walls / sizeof *walls); i++) {
        double x = l.left + (walls[i].col + 1) * l.side;
        rv_canvas_line(canvas, x, l.top + walls[i].first * l.side, x, l.top + (walls[i].last + 1) * l.side,
                       0.07 * l.side, RV_INK);
    }
    rv_colour to = RV_GREEN;
    double x = l.left + stops[destination].col * l.side, y = l.top + stops[destination].row * l.side;
    rv_canvas_colour(canvas, to, 1);
    cairo_rectangle(canvas->cr, x + 0.04 * l.side, y + 0.04 * l.side, 0.92 * l.side, 0.92 * l.side);
    cairo_set_line_width(canvas->cr, 0.06 * l.side);
    cairo_stroke(canvas->cr);
    draw_cab(&l, row, col, passenger == 4);
    if (passenger < 4)
        draw_passenger(&l, middle_x(&l, stops[passenger].col) + 0.3 * l.side,
                       middle_y(&l, stops[passenger].row) - 0.24 * l.side);
}
