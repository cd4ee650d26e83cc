//! A real Redis comes up, dies, freezes and comes back as told.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use redis::{Commands, Connection};
use smarterbase_testkit::server::redis::{RedisCluster, RedisServer};

#[test]
fn a_started_server_answers_and_takes_extra_arguments() {
    let server = RedisServer::start(&["--maxmemory", "3mb"]).unwrap();
    let config: Vec<String> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("maxmemory")
        .query(&mut server.connect().unwrap())
        .unwrap();
    assert_eq!(config, ["maxmemory", "3145728"]);
}

#[test]
fn wrong_arguments_are_an_error_with_the_servers_own_words() {
    let error = RedisServer::start(&["--no-such-option", "1"]).unwrap_err();
    assert!(error.to_string().contains("no-such-option"), "{error}");
}

#[test]
fn servers_started_together_do_not_share_a_port_or_data() {
    let servers: Vec<RedisServer> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| RedisServer::start(&[]).unwrap()))
            .collect();
        started
            .into_iter()
            .map(|server| server.join().unwrap())
            .collect()
    });
    for (number, server) in servers.iter().enumerate() {
        let _: () = server.connect().unwrap().set("number", number).unwrap();
    }
    let seen: Vec<usize> = servers
        .iter()
        .map(|server| server.connect().unwrap().get("number").unwrap())
        .collect();
    assert_eq!(seen, (0..8).collect::<Vec<_>>());
}

#[test]
fn a_killed_server_refuses_and_comes_back_empty_on_its_port() {
    let mut server = with_a_key();
    let (port, mut connection) = (server.port(), server.connect().unwrap());
    server.kill();
    assert!(server.connect().is_err());
    assert!(
        connection
            .get::<_, Option<String>>("key")
            .unwrap_err()
            .is_io_error()
    );
    server.restart().unwrap();
    assert_eq!(server.port(), port);
    assert_eq!(value(&mut server.connect().unwrap()), None);
}

#[test]
fn a_frozen_server_hangs_and_keeps_what_it_has() {
    let server = with_a_key();
    let mut connection = server.connect().unwrap();
    server.freeze().unwrap();
    let start = Instant::now();
    let error = connection.get::<_, Option<String>>("key").unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(start.elapsed() >= Duration::from_millis(400));
    server.thaw().unwrap();
    assert_eq!(
        value(&mut server.connect().unwrap()).as_deref(),
        Some("value")
    );
}

#[test]
fn a_flushed_server_is_empty() {
    let server = with_a_key();
    server.flush().unwrap();
    assert_eq!(value(&mut server.connect().unwrap()), None);
}

#[test]
fn a_dropped_server_leaves_no_process() {
    let server = RedisServer::start(&[]).unwrap();
    let info: redis::InfoDict = redis::cmd("INFO")
        .arg("server")
        .query(&mut server.connect().unwrap())
        .unwrap();
    let process: u32 = info.get("process_id").unwrap();
    drop(server);
    let alive = Command::new("kill")
        .args(["-0", &process.to_string()])
        .output()
        .unwrap();
    assert!(!alive.status.success());
}

#[test]
fn a_cluster_of_three_serves_every_slot() {
    let cluster = RedisCluster::start(3).unwrap();
    for number in 0..300 {
        set_on_its_node(&cluster, &format!("key-{number}"));
    }
    let counts: Vec<usize> = cluster
        .nodes()
        .iter()
        .map(|node| key_count(&mut node.connect().unwrap()))
        .collect();
    assert_eq!(counts.iter().sum::<usize>(), 300);
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
}

#[test]
fn a_restarted_cluster_node_serves_its_slots_again() {
    let mut cluster = RedisCluster::start(3).unwrap();
    for number in 0..30 {
        set_on_its_node(&cluster, &format!("key-{number}"));
    }
    cluster.nodes_mut()[1].restart().unwrap();
    cluster.wait_until_complete().unwrap();
    assert_eq!(key_count(&mut cluster.nodes()[1].connect().unwrap()), 0);
    for number in 0..30 {
        set_on_its_node(&cluster, &format!("key-{number}"));
    }
}

#[test]
fn another_cluster_takes_the_addresses_of_one_and_has_none_of_its_keys() {
    let mut cluster = RedisCluster::start(2).unwrap();
    set_on_its_node(&cluster, "key");
    let (url, id) = (cluster.url(), id_of(&cluster));
    cluster.replace().unwrap();
    assert_eq!(cluster.url(), url);
    assert_ne!(id_of(&cluster), id);
    for node in cluster.nodes() {
        assert_eq!(key_count(&mut node.connect().unwrap()), 0);
    }
    set_on_its_node(&cluster, "key");
}

#[test]
fn a_replica_of_a_cluster_is_promoted_when_its_primary_dies() {
    let mut cluster = RedisCluster::start_with_replicas(3).unwrap();
    let owner = cluster.first_owner(cluster.slot_of("key").unwrap());
    set_on_its_node(&cluster, "key");
    let replica = owner + 3;
    let nodes = cluster.nodes();
    nodes[replica].wait_until_it_follows(&nodes[owner]).unwrap();
    assert!(!cluster.is_primary(replica).unwrap());
    cluster.nodes_mut()[owner].kill();
    let begun = Instant::now();
    while !cluster.is_primary(replica).unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut connection = cluster.nodes()[replica].connect().unwrap();
    assert_eq!(value(&mut connection).as_deref(), Some("value"));
}

/// Nodes that do not own the slot of a key refuse it.
fn set_on_its_node(cluster: &RedisCluster, key: &str) {
    let owner = cluster.first_owner(cluster.slot_of(key).unwrap());
    let mut connection = cluster.nodes()[owner].connect().unwrap();
    let _: () = connection.set(key, "value").unwrap();
}

fn id_of(cluster: &RedisCluster) -> String {
    let mut command = redis::cmd("CLUSTER");
    let mut connection = cluster.nodes()[0].connect().unwrap();
    command.arg("MYID").query(&mut connection).unwrap()
}

fn with_a_key() -> RedisServer {
    let server = RedisServer::start(&[]).unwrap();
    let _: () = server.connect().unwrap().set("key", "value").unwrap();
    server
}

fn value(connection: &mut Connection) -> Option<String> {
    connection.get("key").unwrap()
}

fn key_count(connection: &mut Connection) -> usize {
    redis::cmd("DBSIZE").query(connection).unwrap()
}
