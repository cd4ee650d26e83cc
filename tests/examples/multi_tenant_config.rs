//! `multi_tenant_config`: settings of many tenants, read without a request for each.

use super::program::{Ran, example, run};

fn tenants(url: &str, arguments: &[&str]) -> Ran {
    run(example("multi_tenant_config")
        .args(["--url", url])
        .args(arguments))
}

#[test]
fn what_overrides_refer_to_is_read_once_each_in_memory_and_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    for url in ["memory:", folder.path().to_str().unwrap()] {
        let ran = tenants(url, &[]).succeeded();
        assert!(
            ran.stdout.contains("62 overrides were read"),
            "{}",
            ran.stdout
        );
        assert!(
            ran.stdout.ends_with("all 26 checks passed\n"),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn too_few_overrides_and_no_rival_prove_nothing() {
    for (arguments, check) in [
        (["--tenants", "2"], "overrides: 8: too weak"),
        (["--rivals", "1"], "refused: 0: too weak"),
    ] {
        let ran = tenants("memory:", &arguments);
        assert_eq!(ran.code, Some(1), "{}", ran.stdout);
        let weak = format!("  FAILED  {check}");
        assert!(ran.stdout.contains(&weak), "{}", ran.stdout);
    }
}
