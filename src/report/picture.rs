//! One picture of a run, as large as a slide wants it.

use std::fs;
use std::path::PathBuf;

use super::canvas::theme::Theme;
use super::canvas::{render, svg};
use super::group::groups;
use super::{ReportError, charts, replacing, undrawable_note};
use crate::results::{Results, write_atomically};
use crate::scenario::suggest;

/// The file formats of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all")]
pub enum PictureFormat {
    Svg,
    Png,
}

impl PictureFormat {
    fn ending(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
        }
    }
}

/// A choice of a picture, and of its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureRequest {
    /// The chart's name, with what tells its group from others in the names of files.
    pub chart: String,
    /// The file format.
    pub format: PictureFormat,
    /// Its width and height in pixels.
    pub size: (u32, u32),
    /// The background.
    pub theme: Theme,
}

/// Draws one picture of a run's results into the `plots/` of their folder; returns the file that was written, and what is to be
/// said of it.
///
/// # Errors
/// Where there is no such picture, or the file cannot be written.
pub fn draw_picture(
    results: &Results,
    request: &PictureRequest,
) -> Result<(PathBuf, Option<String>), ReportError> {
    let dir = &results.path;
    let groups = groups(results)?;
    let known = charts::known(&groups);
    let Some(found) = known.iter().find(|known| known.name == request.chart) else {
        let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
        let help = suggest(&request.chart, &names);
        return Err(ReportError::UnknownChart { name: request.chart.clone(), help });
    };
    let Some(canvas) = (found.draw)() else {
        return Err(ReportError::NothingToShow { name: request.chart.clone(), path: dir.clone() });
    };
    let folder = dir.join("plots");
    fs::create_dir_all(&folder)
        .map_err(|error| ReportError::Chart { path: folder.clone(), reason: error.to_string() })?;
    let path = folder.join(file_name(request));
    match request.format {
        PictureFormat::Svg => {
            let text = svg::svg_of_size(&canvas, request.size, request.theme);
            write_atomically(&path, text.as_bytes())?;
        }
        PictureFormat::Png => {
            replacing(&path, |path| render::png_of_size(&canvas, request.size, request.theme, path))?;
        }
    }
    let note = match request.format {
        PictureFormat::Svg => None,
        PictureFormat::Png => undrawable_note(&canvas.undrawable()),
    };
    Ok((path, note))
}

fn file_name(request: &PictureRequest) -> String {
    let (width, height) = request.size;
    let theme = match request.theme {
        Theme::Light => "light",
        Theme::Dark => "dark",
    };
    format!("{}-{width}x{height}-{theme}.{}", request.chart, request.format.ending())
}
