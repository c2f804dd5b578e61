use super::*;

#[test]
fn what_was_committed_is_there_after_the_vault_is_opened_again() {
    let home = Home::new();
    assert!(!Vault::exists(&home.path()));
    let vault = home.create();
    put(&vault, log(1), "hello");
    drop(vault);
    assert!(Vault::exists(&home.path()));
    assert_eq!(text(&home.open(), &log(1)).as_deref(), Some("hello"));
}

#[test]
fn a_wrong_passphrase_opens_nothing() {
    let home = Home::new();
    drop(home.create());
    for wrong in ["right ", "Right", "", "right\n"] {
        let opened = Vault::open(&home.path(), &Passphrase::new(wrong.into()));
        assert!(matches!(opened, Err(VaultError::WrongPassphrase)), "{wrong:?}");
    }
}

#[test]
fn a_vault_is_not_made_over_another_nor_without_a_passphrase_nor_opened_where_none_is() {
    let home = Home::new();
    assert!(matches!(home.try_open(), Err(VaultError::Missing)));
    let empty = Vault::create(&home.path(), &Passphrase::new(String::new()), cheap());
    assert!(matches!(empty, Err(VaultError::EmptyPassphrase)));
    assert!(!home.path().exists());
    put(&home.create(), log(1), "kept");
    let again = Vault::create(&home.path(), &Passphrase::new("other".into()), cheap());
    assert!(matches!(again, Err(VaultError::Exists)));
    assert_eq!(text(&home.open(), &log(1)).as_deref(), Some("kept"));
}

#[test]
fn after_a_change_only_the_new_passphrase_opens_and_everything_is_there() {
    let home = Home::new();
    let vault = home.create();
    put(&vault, log(1), "kept");
    let new = Passphrase::new("new".into());
    let refused = vault.change_passphrase(&new, &new, &silent);
    assert!(matches!(refused, Err(VaultError::WrongPassphrase)));
    vault.change_passphrase(&right(), &new, &silent).unwrap();
    put(&vault, log(2), "after");
    drop(vault);
    assert!(matches!(home.try_open(), Err(VaultError::WrongPassphrase)));
    let vault = Vault::open(&home.path(), &new).unwrap();
    assert_eq!(text(&vault, &log(1)).as_deref(), Some("kept"));
    assert_eq!(text(&vault, &log(2)).as_deref(), Some("after"));
}

#[test]
fn the_old_header_with_the_old_passphrase_opens_nothing_of_the_new_file() {
    let home = Home::new();
    put(&home.create(), log(1), "secret");
    let old_header = home.header();
    let vault = home.open();
    vault
        .change_passphrase(&right(), &Passphrase::new("new".into()), &silent)
        .unwrap();
    drop(vault);
    assert!(!holds(&home.bytes(), &old_header));
    home.set_header(&old_header);
    let vault = home.open();
    assert_eq!(vault.get(&log(1)).unwrap(), None);
}

#[test]
fn one_at_a_time_has_the_vault_open() {
    let home = Home::new();
    let vault = home.create();
    assert!(matches!(home.try_open(), Err(VaultError::InUse)));
    let child = in_another_process("077", "vault::tests::life::child_finds_it_in_use", &home);
    assert!(child.status.success(), "{child:?}");
    let clone = vault.clone();
    drop(vault);
    assert!(matches!(home.try_open(), Err(VaultError::InUse)));
    clone.rewrite().unwrap();
    assert!(matches!(home.try_open(), Err(VaultError::InUse)));
    drop(clone);
    drop(home.open());
    let child = in_another_process("077", "vault::tests::life::child_finds_it_in_use", &home);
    assert!(!child.status.success());
}

#[test]
#[ignore = "run by another test, in a process of its own"]
fn child_finds_it_in_use() {
    let opened = Vault::open(&home_of_child(), &right());
    assert!(matches!(opened, Err(VaultError::InUse)));
}

#[test]
fn values_come_back_as_they_were_and_other_types_are_refused() {
    let home = Home::new();
    let vault = home.create();
    let place = Place::new(Table::Settings, *b"", 0);
    let overlay = vault.overlay();
    overlay
        .put_value(place.clone(), &("north".to_owned(), 7u64))
        .unwrap();
    let own: Option<(String, u64)> = overlay.get_value(&place).unwrap();
    assert_eq!(own, Some(("north".to_owned(), 7)));
    overlay.commit().unwrap();
    let stored: Option<(String, u64)> = vault.get_value(&place).unwrap();
    assert_eq!(stored, Some(("north".to_owned(), 7)));
    let other = vault.get_value::<(u64, u64, u64)>(&place);
    assert!(matches!(other, Err(VaultError::Damaged(Damage::Value))));
}

#[test]
fn a_vault_is_shared_between_threads_and_an_overlay_moves_to_one() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Vault>();
    shared::<Overlay>();
}
