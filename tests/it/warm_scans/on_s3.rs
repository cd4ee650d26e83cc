//! The same on S3.

use std::sync::Arc;

use smarterbase::{
    prelude::*,
    s3::{Credentials, ObjectStoreOptions},
};
use smarterbase_testkit::{
    TestClock,
    server::{
        in_process::InProcessS3,
        s3::{ACCESS_KEY, SECRET_KEY},
    },
    sweep::World,
};

use super::{
    Member, change, cost, counted, keeping, member, packed_small, reading, scan, truth, warmed_up,
};

/// The real client, without a socket: a tag is the hash of the content, and the content holds the nonce.
#[tokio::test(start_paused = true)]
async fn on_s3_a_scan_reads_what_changed() {
    let s3 = InProcessS3::new();
    let url = "s3://test-bucket/app?endpoint=http://s3.test&region=us-east-1";
    let options = ObjectStoreOptions::from_url(url).unwrap();
    let credentials = Credentials::access_key(ACCESS_KEY, SECRET_KEY);
    let options = options
        .with_http_connector(s3.clone())
        .with_credentials(credentials);
    let store = Arc::new(options.connect().unwrap());
    let world = World::over(10, Arc::new(TestClock::new()), store);
    let db = keeping(&world, 3).await;
    for number in 0..50 {
        Member::create(&db, member(number)).await.unwrap();
    }
    assert_eq!(cost(&counted(&db).await.1), (1, 50));
    assert_eq!(cost(&counted(&db).await.1), (1, 0));
    change(&world, 0..5).await;
    let (_, profile) = counted(&db).await;
    assert_eq!((cost(&profile), profile.cached), ((1, 5), 45));
    packed_small(&world).await;
    change(&world, 7..9).await;
    let cold = warmed_up(reading(&world, 4).await).await;
    let (_, profile) = counted(&cold).await;
    assert_eq!((cost(&profile), profile.packed), ((1, 2 + 2), 48));
    assert_eq!(scan(&cold).await.unwrap(), truth(&world).await);
}
