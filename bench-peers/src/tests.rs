//! Every system, with the servers that it needs, on a few documents.

use clap::ValueEnum;

use crate::{
    article::Library,
    measure::{Effort, measure},
    operation,
    report::Row,
    systems::{Servers, System},
    verify,
};

/// The smallest library: 400 documents.
const DOCUMENTS: usize = 400;

#[test]
fn all_systems_give_the_same_answers() {
    let folder = tempfile::tempdir_in("/var/tmp").expect("a folder");
    let systems = System::value_variants();
    let servers =
        Servers::start(systems, folder.path().parent().expect("/var/tmp")).expect("servers");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let library = Library::new(DOCUMENTS).expect("enough documents");
        let (mut contestants, described) =
            crate::prepare(systems, &servers, &library, folder.path())
                .await
                .expect("loaded");
        assert_eq!(described.len(), 8);
        let compared = verify::same_answers(&mut contestants, &library)
            .await
            .expect("the same answers");
        assert!(compared >= 160, "{compared}");
        verify::kept_what_was_written(&mut contestants, &library)
            .await
            .expect_err("nothing was written yet");
        let mut rows = Vec::new();
        for operation in operation::ALL {
            let effort = Effort { is_quick: true };
            let cells = measure(operation, &mut contestants, &library, effort)
                .await
                .expect("measured");
            rows.push(Row { operation, cells });
        }
        verify::kept_what_was_written(&mut contestants, &library)
            .await
            .expect("everything is there");
        // With so few documents nothing is left out but the sort without an index on S3, near and far.
        let left_out = rows
            .iter()
            .flat_map(|row| &row.cells)
            .filter(|cell| cell.took().is_none());
        assert_eq!(left_out.count(), 2);
        for contestant in contestants {
            contestant.peer.close().await.expect("closed");
        }
    });
}

#[tokio::test]
async fn a_wrong_answer_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let library = Library::new(DOCUMENTS).expect("enough documents");
    let sqlite = crate::peer::Sqlite::open(folder.path()).expect("a database");
    let mut contestants = [crate::Contestant {
        system: System::Sqlite,
        peer: Box::new(sqlite),
    }];
    for batch in library.batches(DOCUMENTS) {
        // The article with the highest score differs, in a field that no question asks for.
        let forged = batch.into_iter().map(|article| match article.score {
            3_990 => crate::article::Article {
                title: "forged".into(),
                ..article
            },
            _ => article,
        });
        contestants[0]
            .peer
            .load(forged.collect())
            .await
            .expect("loaded");
    }
    let error = verify::same_answers(&mut contestants, &library)
        .await
        .expect_err("an answer is wrong");
    assert!(error.to_string().starts_with("SQLite"), "{error}");
}
