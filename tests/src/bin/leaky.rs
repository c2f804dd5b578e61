//! A relay that leaks (`caucus_tests::needles::leak`). For tests only.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    caucus_tests::needles::leak().await
}
