//! A table as a picture: a bar a row, on a scale on which equal lengths are equal ratios.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::row::Row;

const WIDTH: u32 = 900;
const ROW_HEIGHT: u32 = 18;
/// Above the bars, and below them.
const MARGINS: (u32, u32) = (36, 48);
const NAMES_WIDTH: u32 = 330;
const FIGURES_WIDTH: u32 = 70;

/// Draws `rows` as DIR/NAME.svg; `figure` says what is drawn.
pub(crate) fn draw(folder: &Path, name: &str, figure: &str, rows: &[Row]) {
    std::fs::create_dir_all(folder).unwrap();
    let file = folder.join(format!("{name}.svg"));
    let height = u32::try_from(rows.len()).unwrap() * ROW_HEIGHT + MARGINS.0 + MARGINS.1;
    let area = SVGBackend::new(&file, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE).unwrap();
    let values = || rows.iter().map(|row| row.cpu_ns_per_delivery.max(1.0));
    let (least, most) = (values().fold(f64::MAX, f64::min), values().fold(1.0, f64::max));
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("{name}: {figure}"), ("sans-serif", 15))
        .set_label_area_size(LabelAreaPosition::Left, NAMES_WIDTH)
        .set_label_area_size(LabelAreaPosition::Bottom, 28)
        .margin_right(FIGURES_WIDTH)
        .build_cartesian_2d((least / 2.0..most).log_scale(), 0..rows.len())
        .unwrap();
    chart.configure_mesh().disable_y_mesh().disable_y_axis().x_label_formatter(&|ns| human(*ns)).draw().unwrap();
    let contestants = contestants(rows);
    for (at, row) in rows.iter().enumerate() {
        // The first row is at the top.
        let below = rows.len() - 1 - at;
        let colour = Palette99::pick(contestants.iter().position(|one| *one == row.contestant).unwrap());
        let value = row.cpu_ns_per_delivery.max(1.0);
        let mut bar = Rectangle::new([(least / 2.0, below), (value, below + 1)], colour.filled());
        bar.set_margin(3, 3, 0, 0);
        chart.draw_series([bar]).unwrap();
        let right = [(row.cpu_ns_least, below), (row.cpu_ns_most, below)];
        let middle = chart.backend_coord(&(value, below)).1 - i32::try_from(ROW_HEIGHT / 2).unwrap();
        let end = chart.backend_coord(&right[1]).0.max(chart.backend_coord(&(value, below)).0);
        let start = chart.backend_coord(&right[0]).0;
        area.draw(&PathElement::new([(start, middle), (end, middle)], BLACK)).unwrap();
        write(&area, &human(value), (end + 5, middle), HPos::Left);
        write(&area, &title(row), (i32::try_from(NAMES_WIDTH).unwrap() - 6, middle), HPos::Right);
    }
    area.present().unwrap();
    eprintln!("drawn: {}", file.display());
}

fn write(area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>, text: &str, at: (i32, i32), side: HPos) {
    let style = ("sans-serif", 12).into_text_style(area).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(text.to_string(), at, style)).unwrap();
}

/// Each once, in the order in which they come.
fn contestants(rows: &[Row]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !names.contains(&row.contestant.as_str()) {
            names.push(&row.contestant);
        }
    }
    names
}

fn title(row: &Row) -> String {
    let cores = row.cores.map(|cores| format!(", {cores} cores")).unwrap_or_default();
    let size = if row.size > 0 { format!(", {} B", row.size) } else { String::new() };
    format!("{}, {}, n {}{size}{cores}", row.contestant, row.load, row.n)
}

fn human(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.1} us", ns / 1e3),
        ns => format!("{:.1} ms", ns / 1e6),
    }
}
