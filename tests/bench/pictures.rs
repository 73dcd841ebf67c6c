//! The figures as pictures.

use std::path::Path;

use plotters::prelude::*;

use crate::boundary::Curve;
use crate::report::{Figure, Limit, number};

const INK: RGBColor = RGBColor(40, 44, 52);
const KEPT: RGBColor = RGBColor(64, 128, 96);
const MISSED: RGBColor = RGBColor(192, 64, 64);
/// Of column form, row form, std/sql and native.
const FORMS: [RGBColor; 4] =
    [RGBColor(32, 96, 176), RGBColor(208, 128, 32), RGBColor(64, 128, 96), RGBColor(110, 110, 110)];
/// Bars end here; what misses its limit by more is not longer.
const WIDEST: f64 = 1.5;

/// How much of its limit each figure uses: a bar per figure, the limit as a line.
pub(crate) fn figures(file: &Path, figures: &[Figure]) -> Result<(), String> {
    let judged: Vec<(&Figure, f64)> =
        figures.iter().filter_map(|figure| Some((figure, figure.limit?.used(figure.value)))).collect();
    let rows = judged.len() as u32;
    let draw = || -> Result<(), Box<dyn std::error::Error>> {
        let area = SVGBackend::new(file, (1000, 70 + 34 * rows)).into_drawing_area();
        area.fill(&WHITE)?;
        let (left, right, top) = (20, 980, 60);
        let x = |share: f64| left + ((right - left) as f64 * share / WIDEST) as i32;
        area.draw(&Text::new("share of the limit used (left of the line is kept)", (left, 14), text(18)))?;
        for (i, (figure, used)) in judged.iter().enumerate() {
            let y = top + 34 * i as i32;
            let color = if *used > 1.0 { MISSED } else { KEPT };
            let bar = [(left, y + 16), (x(used.min(WIDEST)), y + 26)];
            area.draw(&Rectangle::new(bar, color.filled()))?;
            let (side, bound) = figure.limit.map(Limit::words).unwrap_or_default();
            let (value, unit) = (number(figure.value), figure.unit);
            let label = format!("{}: {value} {unit} ({side} {})", figure.name, number(bound));
            area.draw(&Text::new(label, (left, y), text(14)))?;
        }
        area.draw(&PathElement::new([(x(1.0), top), (x(1.0), top + 34 * rows as i32)], INK.stroke_width(2)))?;
        area.present()?;
        Ok(())
    };
    draw().map_err(|error| error.to_string())
}

/// ns per row over rows per batch, a panel per function.
pub(crate) fn curves(file: &Path, curves: &[Curve]) -> Result<(), String> {
    let draw = || -> Result<(), Box<dyn std::error::Error>> {
        let area = SVGBackend::new(file, (1200, 420)).into_drawing_area();
        area.fill(&WHITE)?;
        for (panel, curves) in area.split_evenly((1, curves.len() / FORMS.len())).iter().zip(curves.chunks(FORMS.len()))
        {
            let mut chart = ChartBuilder::on(panel)
                .caption(curves[0].function, text(16))
                .margin(14)
                .margin_right(28)
                .x_label_area_size(40)
                .y_label_area_size(55)
                .build_cartesian_2d((1.0..10_000.0_f64).log_scale(), (0.1..3_000.0_f64).log_scale())?;
            chart
                .configure_mesh()
                .x_desc("rows per batch")
                .y_desc("ns per row")
                .x_label_formatter(&f64::to_string)
                .y_label_formatter(&f64::to_string)
                .light_line_style(WHITE.mix(0.0))
                .draw()?;
            for (curve, color) in curves.iter().zip(FORMS) {
                let points = curve.points.iter().map(|(rows, ns)| (*rows as f64, *ns));
                chart
                    .draw_series(LineSeries::new(points, color.stroke_width(3)))?
                    .label(curve.form)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(3)));
            }
            let corner = SeriesLabelPosition::UpperRight;
            chart.configure_series_labels().position(corner).background_style(WHITE).border_style(INK).draw()?;
        }
        area.present()?;
        Ok(())
    };
    draw().map_err(|error| error.to_string())
}

fn text(size: i32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}
