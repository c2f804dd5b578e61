use super::*;
use crate::store::story;

fn open(folder: &Path) -> Embedded {
    Embedded::open(folder, Options::default()).unwrap()
}

#[tokio::test]
async fn the_embedded_store_passes_the_story() {
    let folder = tempfile::tempdir().unwrap();
    let count = AtomicU64::new(0);
    story::whole(|| {
        let n = count.fetch_add(1, Ordering::Relaxed);
        open(&folder.path().join(n.to_string()))
    })
    .await;
}
