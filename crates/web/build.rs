//! Sees to it that the web app's folder is there to be embedded, if empty, and that a newly built app is noticed.

fn main() -> std::io::Result<()> {
    let app = "../../web/dist";
    std::fs::create_dir_all(app)?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={app}");
    Ok(())
}
