//! Passwords as they are stored.

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_sdk_dynamodb::types::AttributeValue;

use crate::world::{PASSWORD, World, registration};

const TODAY: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

#[tokio::test]
async fn a_hash_with_former_parameters_is_renewed_at_the_next_login() {
    let world = World::new().await;
    world.register(&registration("testuser")).await;
    let former = Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        Params::new(8192, 1, 1, None).unwrap(),
    );
    store(
        &world,
        &former
            .hash_password(PASSWORD.as_bytes())
            .unwrap()
            .to_string(),
    )
    .await;

    assert_eq!(world.login("testuser", "a wrong one").await.status, 401);
    assert!(
        !stored(&world).await.starts_with(TODAY),
        "only the right password is hashed anew"
    );
    assert_eq!(world.login("testuser", PASSWORD).await.status, 200);
    assert!(stored(&world).await.starts_with(TODAY));
    assert_eq!(world.login("testuser", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_stored_hash_that_asks_for_8_gib_is_an_error_of_ours_at_once() {
    let world = World::new().await;
    world.register(&registration("testuser")).await;
    store(
        &world,
        &stored(&world).await.replace("m=19456", "m=8388608"),
    )
    .await;
    let started = std::time::Instant::now();
    assert_eq!(world.login("testuser", PASSWORD).await.status, 500);
    assert!(started.elapsed().as_secs() < 2);
    assert!(
        world
            .logs()
            .await
            .join("\n")
            .contains("a stored password hash is not acceptable")
    );
}

#[tokio::test]
async fn equal_passwords_have_different_hashes() {
    let world = World::new().await;
    world.register(&registration("one")).await;
    let one = stored(&world).await;
    world.register(&registration("two")).await;
    let items = world.items().await;
    let hashes = items
        .iter()
        .filter_map(|item| item.get("password")?.as_s().ok());
    assert_eq!(hashes.filter(|hash| **hash == one).count(), 1);
}

async fn stored(world: &World) -> String {
    let items = world.items().await;
    items
        .iter()
        .find_map(|item| item.get("password")?.as_s().ok())
        .expect("a hash")
        .clone()
}

async fn store(world: &World, hash: &str) {
    let items = world.items().await;
    let user = items
        .iter()
        .find(|item| item.contains_key("password"))
        .expect("a user");
    let update = world
        .dynamodb()
        .update_item()
        .table_name(world.table())
        .key("pk", user["pk"].clone());
    let update = update.update_expression("SET password = :hash");
    update
        .expression_attribute_values(":hash", AttributeValue::S(hash.into()))
        .send()
        .await
        .expect("an update");
}
