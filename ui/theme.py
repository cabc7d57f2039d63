"""The look, in code: colours, fonts and shapes for light and dark. Knows no component and no words.

Colour has meaning: indigo is the teacher (and the page's one accent), teal the student, amber validation, grey the
control and the floor. `COLOURS` are the same values as style.css reads from its variables.
"""

import gradio as gr

# (light, dark): each pair keeps at least 4.5:1 against the card it stands on
COLOURS = {
    "teacher": ("#4338ca", "#a5b4fc"),
    "student": ("#0f766e", "#5eead4"),
    "valid": ("#92400e", "#fbbf24"),
    "control": ("#64748b", "#94a3b8"),
}

PAGE, CARD, SUNK, LINE = ("#f6f7fb", "#0d1117"), ("#ffffff", "#151b23"), ("#f1f3f9", "#1c242e"), ("#dfe3ec", "#2d3743")
INK, QUIET = ("#1b2333", "#eef1f6"), ("#51607a", "#a3b0c2")
ACCENT, ACCENT_OVER, ACCENT_SOFT = ("#4f46e5", "#5558ee"), ("#4338ca", "#4f46e5"), ("#eef0fe", "#1f2447")
STOP, STOP_OVER = ("#b91c1c", "#b91c1c"), ("#991b1b", "#dc2626")


def theme() -> gr.themes.Base:
    """The page's theme: IBM Plex Sans in the two weights that Gradio's wheel holds complete."""
    sans, mono = (
        gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)),
        gr.themes.LocalFont("IBM Plex Mono", (400, 700)),
    )
    look = gr.themes.Base(
        primary_hue="indigo",
        secondary_hue="indigo",
        neutral_hue="slate",
        radius_size="lg",
        font=[sans, "ui-sans-serif", "system-ui", "sans-serif"],
        font_mono=[mono, "ui-monospace", "monospace"],
    )
    both = {
        "body_background_fill": PAGE,
        "body_text_color": INK,
        "body_text_color_subdued": QUIET,
        "background_fill_primary": CARD,
        "background_fill_secondary": SUNK,
        "border_color_primary": LINE,
        "border_color_accent": ACCENT,
        "color_accent_soft": ACCENT_SOFT,
        "block_background_fill": CARD,
        "block_border_color": LINE,
        "block_info_text_color": QUIET,
        "block_label_text_color": INK,
        "block_label_background_fill": CARD,
        "block_title_text_color": INK,
        "accordion_text_color": INK,
        "panel_background_fill": CARD,
        "table_text_color": INK,
        "table_border_color": LINE,
        "table_even_background_fill": CARD,
        "table_odd_background_fill": CARD,
        "input_background_fill": CARD,
        "input_border_color": LINE,
        "input_border_color_focus": ACCENT,
        "input_placeholder_color": QUIET,
        "checkbox_background_color": CARD,
        "checkbox_background_color_selected": ACCENT,
        "checkbox_border_color": QUIET,
        "checkbox_border_color_selected": ACCENT,
        "checkbox_label_background_fill": CARD,
        "checkbox_label_background_fill_hover": SUNK,
        "checkbox_label_background_fill_selected": ACCENT_SOFT,
        "checkbox_label_border_color": LINE,
        "checkbox_label_border_color_selected": ACCENT,
        "checkbox_label_text_color": INK,
        "checkbox_label_text_color_selected": INK,
        "slider_color": ACCENT,
        "link_text_color": COLOURS["teacher"],
        "link_text_color_hover": COLOURS["teacher"],
        "link_text_color_visited": COLOURS["teacher"],
        "link_text_color_active": COLOURS["teacher"],
        "button_primary_background_fill": ACCENT,
        "button_primary_background_fill_hover": ACCENT_OVER,
        "button_primary_border_color": ACCENT,
        "button_primary_border_color_hover": ACCENT_OVER,
        "button_primary_text_color": ("#ffffff", "#ffffff"),
        "button_primary_text_color_hover": ("#ffffff", "#ffffff"),
        "button_secondary_background_fill": CARD,
        "button_secondary_background_fill_hover": SUNK,
        "button_secondary_border_color": LINE,
        "button_secondary_border_color_hover": QUIET,
        "button_secondary_text_color": INK,
        "button_secondary_text_color_hover": INK,
        "button_cancel_background_fill": STOP,
        "button_cancel_background_fill_hover": STOP_OVER,
        "button_cancel_border_color": STOP,
        "button_cancel_text_color": ("#ffffff", "#ffffff"),
    }
    values = {
        "block_shadow": "none",
        "block_radius": "14px",
        "input_radius": "10px",
        "button_large_radius": "10px",
        "button_small_radius": "8px",
        "block_border_width": "1px",
        "layout_gap": "16px",
        "form_gap_width": "0px",
        "block_title_text_weight": "700",
        "block_label_text_weight": "700",
        "block_info_text_size": "13px",
        "block_title_text_size": "15px",
        "checkbox_label_border_width": "1px",
        "button_transition": "background 120ms",
        "input_border_width": "1px",
        "button_border_width": "1px",
        "checkbox_label_shadow": "none",
        "button_primary_shadow": "none",
        "button_secondary_shadow": "none",
        "button_large_text_weight": "700",
        "button_medium_text_weight": "700",
        "button_small_text_weight": "400",
        "prose_header_text_weight": "700",
        "table_radius": "10px",
    }
    for name, (light, dark) in both.items():
        values |= {name: light, f"{name}_dark": dark}
    return look.set(**values)


def variables() -> str:
    """The colours with a meaning as CSS variables, for style.css and chart.js."""
    light, dark = ("".join(f"--{name}:{pair[shade]};" for name, pair in COLOURS.items()) for shade in (0, 1))
    return f":root{{{light}}} .dark{{{dark}}}"
