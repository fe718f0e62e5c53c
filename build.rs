//! Build script of `crates/node`, kept at the root because the napi command line expects it there.

fn main() {
    napi_build::setup();
    // A worker thread unloads the addons it loaded when it ends, but the engine's own threads may outlive that worker:
    // the code they run must stay mapped until the process ends.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
