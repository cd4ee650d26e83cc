//! `ecommerce_orders`: the books are right in the end, and the program sees it when they are not.

use std::path::{Path, PathBuf};

use super::program::{Ran, example, run};

fn shop(url: &str, arguments: &[&str]) -> Ran {
    run(example("ecommerce_orders")
        .args(["--url", url])
        .args(arguments))
}

#[test]
fn a_shop_whose_books_are_changed_by_hand_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    let ran = shop(url, &[]).succeeded();
    assert!(ran.stdout.contains("nothing is oversold"), "{}", ran.stdout);
    let check = || shop(url, &["--check"]);
    check().succeeded();

    let kettle = folder.path().join("products/kettle.json");
    while_changed(&kettle, r#""stock":19"#, r#""stock":20"#, || {
        fails(&check(), "kettle: in stock and sold come to delivered");
    });
    let order = an_order_of(folder.path(), r#""total_cents":7350"#);
    while_changed(
        &order,
        r#""total_cents":7350"#,
        r#""total_cents":7351"#,
        || {
            fails(&check(), "every order's total is that of its lines");
        },
    );
    check().succeeded();
}

fn an_order_of(store: &Path, text: &str) -> PathBuf {
    let orders = std::fs::read_dir(store.join("orders")).unwrap();
    let mut paths = orders.map(|order| order.unwrap().path());
    let found = paths.find(|path| std::fs::read_to_string(path).unwrap().contains(text));
    found.unwrap_or_else(|| panic!("no order holds {text}"))
}

fn while_changed(path: &Path, from: &str, to: &str, judge: impl FnOnce()) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    judge();
    std::fs::write(path, text).unwrap();
}

fn fails(ran: &Ran, check: &str) {
    assert_eq!(ran.code, Some(1), "{}\n{}", ran.stdout, ran.stderr);
    let failed = format!("  FAILED  {check}");
    assert!(ran.stdout.contains(&failed), "{}", ran.stdout);
}

#[test]
fn a_race_for_the_last_items_that_nobody_lost_proves_nothing() {
    fails(
        &shop("memory:", &["--buyers", "5"]),
        "buyers who came too late: 0: too weak",
    );
}

#[test]
fn a_store_that_holds_a_shop_gets_no_second_one() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    shop(url, &[]).succeeded();
    shop(url, &[]).failed_with("SB-EXISTS");
    shop("gopher://hole", &[]).failed_with("unknown scheme `gopher`");
}
