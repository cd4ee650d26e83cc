//! The medians as dots on a logarithmic scale, with lines from quartile to quartile, as an SVG.

use std::{fmt::Write as _, time::Duration};

use crate::{measure::Took, measure::short, report::Report, systems::System};

const WIDTH: f64 = 1000.0;
/// Where the names of operations end and the scale begins.
const LEFT: f64 = 270.0;
const RIGHT: f64 = WIDTH - 20.0;
/// Above the first operation: the title, the legend, the scale.
const TOP: f64 = 110.0;
/// One system of one operation.
const LANE: f64 = 9.0;
const GAP: f64 = 10.0;

/// The picture; its text is its own alternative.
pub(crate) fn svg(report: &Report) -> String {
    let scale = Scale::around(report);
    let band = LANE * report.systems.len() as f64 + GAP;
    let height = TOP + band * report.rows.len() as f64 + 20.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>Median time of each operation and system</title>\n\
         <desc>The figures are in the tables of benchmarks.md.</desc>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    text(
        &mut out,
        20.0,
        28.0,
        "start",
        "Median time, logarithmic; lines from quartile to quartile; left is faster",
    );
    legend(&mut out, report);
    grid(&mut out, scale, height);
    for (number, row) in report.rows.iter().enumerate() {
        let top = TOP + band * number as f64;
        stripe(&mut out, number, top, band);
        text(
            &mut out,
            LEFT - 12.0,
            top + band / 2.0 + 4.0,
            "end",
            &row.operation.name(),
        );
        for (lane, (system, cell)) in report.systems.iter().zip(&row.cells).enumerate() {
            if let Some(took) = cell.took() {
                mark(
                    &mut out,
                    scale,
                    system.system,
                    took,
                    top + GAP / 2.0 + LANE * (lane as f64 + 0.5),
                );
            }
        }
    }
    out.push_str("</svg>\n");
    out
}

/// From a power of ten to another.
#[derive(Clone, Copy)]
struct Scale {
    lowest: i32,
    highest: i32,
}

impl Scale {
    fn around(report: &Report) -> Self {
        let took = report
            .rows
            .iter()
            .flat_map(|row| row.cells.iter().filter_map(|cell| cell.took()));
        let ends = took
            .flat_map(|took| [took.lower, took.upper])
            .map(|end| end.as_secs_f64().log10());
        let (lowest, highest) = ends.fold((0.0_f64, -7.0_f64), |(low, high), end| {
            (low.min(end), high.max(end))
        });
        Self {
            lowest: lowest.floor() as i32,
            highest: highest.ceil() as i32,
        }
    }

    fn x(self, duration: Duration) -> f64 {
        let decades = f64::from(self.highest - self.lowest).max(1.0);
        LEFT + (RIGHT - LEFT) * (duration.as_secs_f64().log10() - f64::from(self.lowest)) / decades
    }
}

fn legend(out: &mut String, report: &Report) {
    for (number, system) in report.systems.iter().enumerate() {
        let x = 20.0 + 245.0 * (number % 4) as f64;
        let y = 52.0 + 20.0 * (number / 4) as f64;
        dot(out, system.system, x + 5.0, y - 4.0);
        text(out, x + 16.0, y, "start", system.system.name());
    }
}

fn grid(out: &mut String, scale: Scale, height: f64) {
    for power in scale.lowest..=scale.highest {
        let at = Duration::from_secs_f64(10_f64.powi(power));
        let x = scale.x(at);
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#ccc\"/>",
            TOP - 6.0,
            height - 14.0
        );
        text(out, x, TOP - 12.0, "middle", &round(at));
    }
}

/// A power of ten, without decimals.
fn round(at: Duration) -> String {
    short(at).replace(".00", "").replace(".0", "")
}

/// Every other operation lies on grey.
fn stripe(out: &mut String, number: usize, top: f64, band: f64) {
    if number.is_multiple_of(2) {
        let _ = writeln!(
            out,
            "<rect x=\"10\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{band:.1}\" fill=\"#000\" fill-opacity=\"0.04\"/>",
            WIDTH - 20.0
        );
    }
}

fn mark(out: &mut String, scale: Scale, system: System, took: Took, y: f64) {
    let _ = writeln!(
        out,
        "<line x1=\"{:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{}\" stroke-width=\"2\"/>",
        scale.x(took.lower),
        scale.x(took.upper),
        color(system)
    );
    dot(out, system, scale.x(took.median), y);
}

fn dot(out: &mut String, system: System, x: f64, y: f64) {
    let _ = writeln!(
        out,
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{}\"/>",
        color(system)
    );
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#222\">{words}</text>"
    );
}

/// Warm ones are ours. They differ in lightness too.
fn color(system: System) -> &'static str {
    match system {
        System::Sqlite => "#0b3c5d",
        System::Postgres => "#3f7cac",
        System::ToastySqlite => "#4d7c4d",
        System::ToastyPostgres => "#95b46a",
        System::NativeDb => "#8d8d8d",
        System::Folder => "#c1121f",
        System::Local => "#7b0d1e",
        System::S3 => "#f08a24",
        System::S3Far => "#f4c95d",
    }
}
