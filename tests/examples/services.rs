//! The examples that run on any store, on S3 with indexes in Redis.

use smarterbase_testkit::server::{redis::RedisServer, s3::S3Server};

use super::program::{example, run};

#[tokio::test]
async fn the_shop_its_users_tenants_and_patterns_pass_on_s3_and_redis() {
    let s3 = S3Server::start().await.unwrap();
    let redis = RedisServer::start(&[]).unwrap();
    let encoded = redis.url().replace(':', "%3A").replace('/', "%2F");
    for name in [
        "ecommerce_orders",
        "user_management",
        "multi_tenant_config",
        "production_patterns",
    ] {
        let url = format!("{}&redis={encoded}", s3.url(name));
        let ran = run(example(name).args(["--url", &url]).envs(s3.credentials()));
        let ran = ran.succeeded();
        assert!(ran.stdout.contains("checks passed"), "{}", ran.stdout);
        assert!(
            !ran.stdout.contains("redis"),
            "the query of a URL is not shown"
        );
    }
}
