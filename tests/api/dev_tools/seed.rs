//! The default administrator of `cargo run -p dev`.

use crate::support::TestApp;

#[tokio::test]
async fn the_seed_creates_one_administrator_in_any_number_of_runs() {
    let app = TestApp::new().await;
    for _ in 0..2 {
        dev::seed::seed(&app.cloud).await.expect("the seed runs");
    }
    let token = app.login_token("admin", "admin123").await;
    assert_eq!(app.me(&token).await.json()["email"], "wxcz@wxcz.com");
    let list = app.get_as(&token, "/api/users/").await;
    assert_eq!(
        list.json()["code"],
        0,
        "only an administrator lists users: {list}"
    );
}
