//! Takes the three files that the viewer of the API needs out of Swagger UI's archive, and packs each, so that they
//! take half a megabyte of the binary and not four.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::error::Error;
use std::io::{Cursor, copy};
use std::path::PathBuf;
use std::{env, fs};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const FILES: [&str; 3] = [
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for file in FILES {
        let in_archive = format!("/dist/{file}");
        let index = (0..archive.len()).find(|index| {
            let name = archive.name_for_index(*index);
            name.is_some_and(|name| name.is_ok_and(|name| name.ends_with(&in_archive)))
        });
        let index = index.ok_or_else(|| format!("Swagger UI has no {file}"))?;
        let packed = fs::File::create(out.join(format!("{file}.gz")))?;
        let mut encoder = GzEncoder::new(packed, Compression::best());
        copy(&mut archive.by_index(index)?, &mut encoder)?;
        encoder.finish()?;
    }
    Ok(())
}
