//! `batch_import` goes on after its cut and ends well.

use crate::program::{example, run};

#[test]
fn it_imports_goes_on_and_saves() {
    let ran = run(&mut example("batch_import")).succeeded();
    for line in [
        "cut       ",
        "imported  1000 readings, 400 of them before the cut",
        "saved     286 readings, 0 failed",
    ] {
        assert!(ran.stdout.contains(line), "{}", ran.stdout);
    }
}
