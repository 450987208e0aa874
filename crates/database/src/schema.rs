//! The columns that we read and write in each table, the same for both databases.

diesel::table! {
    organizations (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        name -> Text,
        path -> Text,
        visibility_level -> SmallInt,
    }
}

diesel::table! {
    organization_users (id) {
        id -> BigInt,
        organization_id -> BigInt,
        user_id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        access_level -> SmallInt,
    }
}

diesel::table! {
    users (id) {
        id -> BigInt,
        email -> Text,
        encrypted_password -> Text,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        name -> Nullable<Text>,
        admin -> Bool,
        projects_limit -> Integer,
        locked_at -> Nullable<Timestamp>,
        username -> Nullable<Text>,
        state -> Nullable<Text>,
        password_expires_at -> Nullable<Timestamp>,
        remember_created_at -> Nullable<Timestamp>,
        confirmed_at -> Nullable<Timestamp>,
        password_automatically_set -> Nullable<Bool>,
        otp_required_for_login -> Bool,
        notification_email -> Nullable<Text>,
        otp_backup_codes -> Nullable<Text>,
        encrypted_otp_secret -> Nullable<Text>,
        encrypted_otp_secret_iv -> Nullable<Text>,
        encrypted_otp_secret_salt -> Nullable<Text>,
        consumed_timestep -> Nullable<Integer>,
        external -> Nullable<Bool>,
        last_activity_on -> Nullable<Date>,
        accepted_term_id -> Nullable<BigInt>,
        user_type -> SmallInt,
    }
}

diesel::table! {
    user_details (user_id) {
        user_id -> BigInt,
        provisioned_by_group_id -> Nullable<BigInt>,
        enterprise_group_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    emails (id) {
        id -> BigInt,
        user_id -> BigInt,
        email -> Text,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        confirmed_at -> Nullable<Timestamp>,
        detumbled_email -> Nullable<Text>,
    }
}

diesel::table! {
    identities (id) {
        id -> BigInt,
        extern_uid -> Nullable<Text>,
        provider -> Nullable<Text>,
        user_id -> Nullable<BigInt>,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        saml_provider_id -> Nullable<BigInt>,
        trusted_extern_uid -> Nullable<Bool>,
    }
}

diesel::table! {
    saml_providers (id) {
        id -> BigInt,
        group_id -> BigInt,
        enabled -> Bool,
        certificate_fingerprint -> Text,
        sso_url -> Text,
        enforced_sso -> Bool,
        default_membership_role -> SmallInt,
        git_check_enforced -> Bool,
        member_role_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    webauthn_registrations (id) {
        id -> BigInt,
        user_id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        credential_xid -> Text,
        name -> Text,
        public_key -> Text,
    }
}

diesel::table! {
    personal_access_tokens (id) {
        id -> BigInt,
        user_id -> BigInt,
        name -> Text,
        revoked -> Nullable<Bool>,
        expires_at -> Nullable<Date>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        scopes -> Text,
        impersonation -> Bool,
        token_digest -> Nullable<Text>,
        last_used_at -> Nullable<Timestamp>,
        previous_personal_access_token_id -> Nullable<BigInt>,
        organization_id -> BigInt,
        description -> Nullable<Text>,
    }
}

diesel::table! {
    use crate::types::BigIntArray;
    use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamp};

    namespaces (id) {
        id -> BigInt,
        name -> Text,
        path -> Text,
        owner_id -> Nullable<BigInt>,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        #[sql_name = "type"]
        type_ -> Text,
        share_with_group_lock -> Nullable<Bool>,
        visibility_level -> Integer,
        lfs_enabled -> Nullable<Bool>,
        parent_id -> Nullable<BigInt>,
        shared_runners_minutes_limit -> Nullable<Integer>,
        repository_size_limit -> Nullable<BigInt>,
        require_two_factor_authentication -> Bool,
        project_creation_level -> Nullable<Integer>,
        extra_shared_runners_minutes_limit -> Nullable<Integer>,
        default_branch_protection -> Nullable<SmallInt>,
        push_rule_id -> Nullable<BigInt>,
        traversal_ids -> BigIntArray,
        organization_id -> BigInt,
    }
}

diesel::table! {
    use crate::types::Jsonb;
    use diesel::sql_types::{BigInt, Bool, Nullable, SmallInt, Text, Timestamp};

    namespace_settings (namespace_id) {
        namespace_id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        default_branch_name -> Nullable<Text>,
        repository_read_only -> Bool,
        enabled_git_access_protocol -> SmallInt,
        default_branch_protection_defaults -> Jsonb,
        enforce_ssh_certificates -> Bool,
        disable_personal_access_tokens -> Bool,
        archived -> Bool,
    }
}

diesel::table! {
    namespace_details (namespace_id) {
        namespace_id -> BigInt,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        deleted_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    routes (id) {
        id -> BigInt,
        source_id -> BigInt,
        source_type -> Text,
        path -> Text,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        name -> Nullable<Text>,
        namespace_id -> BigInt,
    }
}

diesel::table! {
    redirect_routes (id) {
        id -> BigInt,
        source_id -> BigInt,
        source_type -> Text,
        path -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        namespace_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    project_aliases (id) {
        id -> BigInt,
        project_id -> BigInt,
        name -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    projects (id) {
        id -> BigInt,
        name -> Nullable<Text>,
        path -> Nullable<Text>,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        creator_id -> Nullable<BigInt>,
        namespace_id -> BigInt,
        last_activity_at -> Nullable<Timestamp>,
        visibility_level -> Integer,
        archived -> Bool,
        pending_delete -> Nullable<Bool>,
        repository_storage -> Text,
        repository_read_only -> Nullable<Bool>,
        lfs_enabled -> Nullable<Bool>,
        repository_size_limit -> Nullable<BigInt>,
        printing_merge_request_link_enabled -> Bool,
        storage_version -> Nullable<SmallInt>,
        pool_repository_id -> Nullable<BigInt>,
        marked_for_deletion_at -> Nullable<Date>,
        project_namespace_id -> BigInt,
        hidden -> Bool,
        organization_id -> BigInt,
    }
}

diesel::table! {
    project_features (id) {
        id -> BigInt,
        project_id -> BigInt,
        merge_requests_access_level -> Nullable<Integer>,
        issues_access_level -> Nullable<Integer>,
        wiki_access_level -> Nullable<Integer>,
        snippets_access_level -> Integer,
        builds_access_level -> Nullable<Integer>,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        repository_access_level -> Integer,
        pages_access_level -> Integer,
        forking_access_level -> Nullable<Integer>,
    }
}

diesel::table! {
    project_settings (project_id) {
        project_id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        push_rule_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    shards (id) {
        id -> BigInt,
        name -> Text,
    }
}

diesel::table! {
    project_repositories (id) {
        id -> BigInt,
        shard_id -> BigInt,
        disk_path -> Text,
        project_id -> BigInt,
        object_format -> SmallInt,
    }
}

diesel::table! {
    pool_repositories (id) {
        id -> BigInt,
        shard_id -> BigInt,
        disk_path -> Nullable<Text>,
        state -> Nullable<Text>,
        source_project_id -> Nullable<BigInt>,
        organization_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    group_wiki_repositories (group_id) {
        group_id -> BigInt,
        shard_id -> BigInt,
        disk_path -> Text,
    }
}

diesel::table! {
    snippets (id) {
        id -> BigInt,
        author_id -> BigInt,
        project_id -> Nullable<BigInt>,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        #[sql_name = "type"]
        type_ -> Nullable<Text>,
        visibility_level -> Integer,
        secret -> Bool,
        repository_read_only -> Bool,
        organization_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    snippet_repositories (snippet_id) {
        snippet_id -> BigInt,
        shard_id -> BigInt,
        disk_path -> Text,
        snippet_project_id -> Nullable<BigInt>,
        snippet_organization_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    project_statistics (id) {
        id -> BigInt,
        project_id -> BigInt,
        namespace_id -> BigInt,
        storage_size -> BigInt,
        repository_size -> BigInt,
        lfs_objects_size -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        root_namespace_id -> Nullable<BigInt>,
        commit_count -> BigInt,
    }
}

diesel::table! {
    project_authorizations (user_id, project_id, access_level) {
        user_id -> BigInt,
        project_id -> BigInt,
        access_level -> Integer,
        is_unique -> Nullable<Bool>,
    }
}

diesel::table! {
    members (id) {
        id -> BigInt,
        access_level -> Integer,
        source_id -> BigInt,
        source_type -> Text,
        user_id -> Nullable<BigInt>,
        notification_level -> Integer,
        #[sql_name = "type"]
        type_ -> Nullable<Text>,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        created_by_id -> Nullable<BigInt>,
        invite_token -> Nullable<Text>,
        invite_accepted_at -> Nullable<Timestamp>,
        requested_at -> Nullable<Timestamp>,
        expires_at -> Nullable<Date>,
        state -> Nullable<SmallInt>,
        member_namespace_id -> BigInt,
        member_role_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    use crate::types::Jsonb;
    use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamp};

    member_roles (id) {
        id -> BigInt,
        namespace_id -> Nullable<BigInt>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        base_access_level -> Nullable<Integer>,
        name -> Text,
        description -> Nullable<Text>,
        permissions -> Jsonb,
    }
}

diesel::table! {
    group_group_links (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        shared_group_id -> BigInt,
        shared_with_group_id -> BigInt,
        expires_at -> Nullable<Date>,
        group_access -> SmallInt,
        member_role_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    project_group_links (id) {
        id -> BigInt,
        project_id -> BigInt,
        group_id -> BigInt,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        group_access -> Integer,
        expires_at -> Nullable<Date>,
        member_role_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    namespace_bans (id) {
        id -> BigInt,
        namespace_id -> BigInt,
        user_id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    ip_restrictions (id) {
        id -> BigInt,
        group_id -> BigInt,
        range -> Text,
    }
}

diesel::table! {
    keys (id) {
        id -> BigInt,
        user_id -> Nullable<BigInt>,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        key -> Nullable<Text>,
        title -> Nullable<Text>,
        #[sql_name = "type"]
        type_ -> Nullable<Text>,
        fingerprint -> Nullable<Text>,
        public -> Bool,
        last_used_at -> Nullable<Timestamp>,
        fingerprint_sha256 -> Nullable<Binary>,
        expires_at -> Nullable<Timestamp>,
        usage_type -> SmallInt,
    }
}

diesel::table! {
    deploy_keys_projects (id) {
        id -> BigInt,
        deploy_key_id -> BigInt,
        project_id -> BigInt,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        can_push -> Bool,
    }
}

diesel::table! {
    group_ssh_certificates (id) {
        id -> BigInt,
        namespace_id -> BigInt,
        created_at -> Timestamp,
        fingerprint -> Binary,
        title -> Text,
        key -> Text,
    }
}

diesel::table! {
    deploy_tokens (id) {
        id -> BigInt,
        revoked -> Nullable<Bool>,
        read_repository -> Bool,
        expires_at -> Timestamp,
        created_at -> Timestamp,
        name -> Text,
        username -> Nullable<Text>,
        token_encrypted -> Nullable<Text>,
        deploy_token_type -> SmallInt,
        creator_id -> Nullable<BigInt>,
        project_id -> Nullable<BigInt>,
        group_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    project_deploy_tokens (id) {
        id -> BigInt,
        project_id -> BigInt,
        deploy_token_id -> BigInt,
        created_at -> Timestamp,
    }
}

diesel::table! {
    group_deploy_tokens (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        group_id -> BigInt,
        deploy_token_id -> BigInt,
    }
}

diesel::table! {
    protected_branches (id) {
        id -> BigInt,
        project_id -> Nullable<BigInt>,
        name -> Text,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        code_owner_approval_required -> Bool,
        allow_force_push -> Bool,
        namespace_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    protected_branch_push_access_levels (id) {
        id -> BigInt,
        protected_branch_id -> BigInt,
        access_level -> Nullable<Integer>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        user_id -> Nullable<BigInt>,
        group_id -> Nullable<BigInt>,
        deploy_key_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    protected_branch_merge_access_levels (id) {
        id -> BigInt,
        protected_branch_id -> BigInt,
        access_level -> Nullable<Integer>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        user_id -> Nullable<BigInt>,
        group_id -> Nullable<BigInt>,
        protected_branch_project_id -> Nullable<BigInt>,
        protected_branch_namespace_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    protected_tags (id) {
        id -> BigInt,
        project_id -> BigInt,
        name -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    protected_tag_create_access_levels (id) {
        id -> BigInt,
        protected_tag_id -> BigInt,
        access_level -> Nullable<Integer>,
        user_id -> Nullable<BigInt>,
        group_id -> Nullable<BigInt>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        deploy_key_id -> Nullable<BigInt>,
        project_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    push_rules (id) {
        id -> BigInt,
        commit_message_regex -> Nullable<Text>,
        deny_delete_tag -> Nullable<Bool>,
        project_id -> Nullable<BigInt>,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        author_email_regex -> Nullable<Text>,
        member_check -> Bool,
        file_name_regex -> Nullable<Text>,
        is_sample -> Nullable<Bool>,
        max_file_size -> Integer,
        prevent_secrets -> Bool,
        branch_name_regex -> Nullable<Text>,
        reject_unsigned_commits -> Nullable<Bool>,
        commit_committer_check -> Nullable<Bool>,
        regexp_uses_re2 -> Nullable<Bool>,
        commit_message_negative_regex -> Nullable<Text>,
        reject_non_dco_commits -> Nullable<Bool>,
        commit_committer_name_check -> Bool,
        organization_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    lfs_objects (id) {
        id -> BigInt,
        oid -> Text,
        size -> BigInt,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        file -> Nullable<Text>,
        file_store -> Integer,
    }
}

diesel::table! {
    lfs_objects_projects (id) {
        id -> BigInt,
        lfs_object_id -> BigInt,
        project_id -> BigInt,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        repository_type -> Nullable<SmallInt>,
    }
}

diesel::table! {
    lfs_file_locks (id) {
        id -> BigInt,
        project_id -> BigInt,
        user_id -> BigInt,
        created_at -> Timestamp,
        path -> Nullable<Text>,
    }
}

diesel::table! {
    path_locks (id) {
        id -> BigInt,
        path -> Text,
        project_id -> BigInt,
        user_id -> Nullable<BigInt>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    merge_requests (id) {
        id -> BigInt,
        target_branch -> Text,
        source_branch -> Text,
        source_project_id -> Nullable<BigInt>,
        author_id -> Nullable<BigInt>,
        title -> Nullable<Text>,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        target_project_id -> BigInt,
        iid -> Nullable<Integer>,
        in_progress_merge_commit_sha -> Nullable<Text>,
        allow_maintainer_to_push -> Nullable<Bool>,
        state_id -> SmallInt,
    }
}

diesel::table! {
    use crate::types::IntegerArray;
    use diesel::sql_types::{BigInt, Bool, Nullable, SmallInt, Text, Timestamp};

    broadcast_messages (id) {
        id -> BigInt,
        message -> Text,
        starts_at -> Timestamp,
        ends_at -> Timestamp,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        message_html -> Text,
        target_path -> Nullable<Text>,
        broadcast_type -> SmallInt,
        dismissable -> Nullable<Bool>,
        target_access_levels -> IntegerArray,
        show_in_cli -> Bool,
    }
}

diesel::table! {
    application_setting_terms (id) {
        id -> BigInt,
        terms -> Text,
    }
}

diesel::table! {
    term_agreements (id) {
        id -> BigInt,
        term_id -> BigInt,
        user_id -> BigInt,
        accepted -> Bool,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    use crate::types::Jsonb;
    use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamp};

    application_settings (id) {
        id -> BigInt,
        created_at -> Nullable<Timestamp>,
        updated_at -> Nullable<Timestamp>,
        enabled_git_access_protocol -> Nullable<Text>,
        receive_max_input_size -> Nullable<Integer>,
        gitlab_shell_operation_limit -> Nullable<Integer>,
        maintenance_mode -> Bool,
        rsa_key_restriction -> Integer,
        dsa_key_restriction -> Integer,
        ecdsa_key_restriction -> Integer,
        ed25519_key_restriction -> Integer,
        ecdsa_sk_key_restriction -> Integer,
        ed25519_sk_key_restriction -> Integer,
        max_personal_access_token_lifetime -> Nullable<Integer>,
        require_personal_access_token_expiry -> Bool,
        disable_personal_access_tokens -> Bool,
        personal_access_token_prefix -> Nullable<Text>,
        token_prefixes -> Jsonb,
        enforce_terms -> Nullable<Bool>,
        default_branch_name -> Nullable<Text>,
        default_branch_protection -> Nullable<Integer>,
        default_branch_protection_defaults -> Jsonb,
        default_projects_limit -> Nullable<Integer>,
        repository_storages_weighted -> Jsonb,
        default_project_visibility -> Integer,
        custom_http_clone_url_root -> Nullable<Text>,
        error_tracking_enabled -> Bool,
        email_confirmation_setting -> SmallInt,
        error_tracking_access_token_encrypted -> Nullable<Text>,
        git_two_factor_session_expiry -> Integer,
        globally_allowed_ips -> Text,
    }
}

diesel::table! {
    error_tracking_client_keys (id) {
        id -> BigInt,
        project_id -> BigInt,
        active -> Bool,
        public_key -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    project_error_tracking_settings (project_id) {
        project_id -> BigInt,
        enabled -> Bool,
        integrated -> Bool,
    }
}

diesel::table! {
    plans (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        name -> Nullable<Text>,
        title -> Nullable<Text>,
    }
}

diesel::table! {
    outbox_messages (id) {
        id -> BigInt,
        topic -> Text,
        payload -> Text,
        correlation_id -> Nullable<Text>,
        created_at -> Timestamp,
    }
}

diesel::table! {
    cluster_agents (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        project_id -> BigInt,
        name -> Text,
        created_by_user_id -> Nullable<BigInt>,
        has_vulnerabilities -> Bool,
        is_receptive -> Bool,
    }
}

diesel::table! {
    cluster_agent_tokens (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        agent_id -> BigInt,
        token_encrypted -> Text,
        created_by_user_id -> Nullable<BigInt>,
        last_used_at -> Nullable<Timestamp>,
        status -> SmallInt,
        project_id -> BigInt,
    }
}

diesel::table! {
    cluster_agent_url_configurations (id) {
        id -> BigInt,
        agent_id -> BigInt,
        status -> SmallInt,
        url -> Text,
        ca_cert -> Nullable<Text>,
        client_key -> Nullable<Text>,
        client_cert -> Nullable<Text>,
        tls_host -> Nullable<Text>,
        encrypted_private_key -> Nullable<Binary>,
        encrypted_private_key_iv -> Nullable<Binary>,
    }
}

diesel::table! {
    use crate::types::Jsonb;
    use diesel::sql_types::{BigInt};

    agent_project_authorizations (id) {
        id -> BigInt,
        project_id -> BigInt,
        agent_id -> BigInt,
        config -> Jsonb,
    }
}

diesel::table! {
    use crate::types::Jsonb;
    use diesel::sql_types::{BigInt};

    agent_group_authorizations (id) {
        id -> BigInt,
        group_id -> BigInt,
        agent_id -> BigInt,
        config -> Jsonb,
    }
}

diesel::table! {
    use crate::types::Jsonb;
    use diesel::sql_types::{BigInt};

    agent_organization_authorizations (id) {
        id -> BigInt,
        organization_id -> BigInt,
        agent_id -> BigInt,
        config -> Jsonb,
    }
}

diesel::table! {
    use crate::types::Jsonb;
    use diesel::sql_types::{BigInt};

    agent_user_access_project_authorizations (id) {
        id -> BigInt,
        project_id -> BigInt,
        agent_id -> BigInt,
        config -> Jsonb,
    }
}

diesel::table! {
    use crate::types::Jsonb;
    use diesel::sql_types::{BigInt};

    agent_user_access_group_authorizations (id) {
        id -> BigInt,
        group_id -> BigInt,
        agent_id -> BigInt,
        config -> Jsonb,
    }
}

diesel::table! {
    agent_activity_events (id) {
        id -> BigInt,
        agent_id -> BigInt,
        agent_token_id -> Nullable<BigInt>,
        recorded_at -> Timestamp,
        kind -> SmallInt,
        level -> SmallInt,
        agent_project_id -> BigInt,
    }
}

diesel::table! {
    security_orchestration_policy_configurations (id) {
        id -> BigInt,
        project_id -> Nullable<BigInt>,
        configured_at -> Nullable<Timestamp>,
        namespace_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    use crate::types::Jsonb;
    use diesel::sql_types::{BigInt, Bool, Nullable, SmallInt, Text, Timestamp};

    security_policies (id) {
        id -> BigInt,
        security_orchestration_policy_configuration_id -> BigInt,
        updated_at -> Timestamp,
        policy_index -> SmallInt,
        #[sql_name = "type"]
        type_ -> SmallInt,
        enabled -> Bool,
        name -> Text,
        description -> Nullable<Text>,
        content -> Jsonb,
    }
}

diesel::table! {
    use crate::types::Jsonb;
    use diesel::sql_types::{BigInt, SmallInt};

    scan_execution_policy_rules (id) {
        id -> BigInt,
        security_policy_id -> BigInt,
        rule_index -> SmallInt,
        #[sql_name = "type"]
        type_ -> SmallInt,
        content -> Jsonb,
    }
}

diesel::table! {
    vulnerability_scanners (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        project_id -> BigInt,
        external_id -> Text,
        name -> Text,
        vendor -> Text,
    }
}

diesel::table! {
    vulnerability_identifiers (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        project_id -> BigInt,
        fingerprint -> Binary,
        external_type -> Text,
        external_id -> Text,
        name -> Text,
        url -> Nullable<Text>,
    }
}

diesel::table! {
    use crate::types::{Jsonb, Uuid};
    use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt, Text, Timestamp};

    vulnerability_occurrences (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        severity -> SmallInt,
        report_type -> SmallInt,
        project_id -> BigInt,
        scanner_id -> BigInt,
        primary_identifier_id -> BigInt,
        project_fingerprint -> Binary,
        location_fingerprint -> Binary,
        name -> Text,
        metadata_version -> Text,
        raw_metadata -> Text,
        vulnerability_id -> Nullable<BigInt>,
        description -> Nullable<Text>,
        solution -> Nullable<Text>,
        cve -> Nullable<Text>,
        location -> Nullable<Jsonb>,
        detection_method -> SmallInt,
        uuid -> Uuid,
    }
}

diesel::table! {
    vulnerability_occurrence_identifiers (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        occurrence_id -> BigInt,
        identifier_id -> BigInt,
        project_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    vulnerability_finding_links (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        vulnerability_occurrence_id -> BigInt,
        name -> Nullable<Text>,
        url -> Text,
        project_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    vulnerabilities (id) {
        id -> BigInt,
        project_id -> BigInt,
        author_id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        title -> Text,
        state -> SmallInt,
        severity -> SmallInt,
        severity_overridden -> Nullable<Bool>,
        resolved_by_id -> Nullable<BigInt>,
        resolved_at -> Nullable<Timestamp>,
        report_type -> SmallInt,
        resolved_on_default_branch -> Bool,
        present_on_default_branch -> Bool,
        detected_at -> Nullable<Timestamp>,
        finding_id -> BigInt,
        auto_resolved -> Bool,
    }
}

diesel::table! {
    use crate::types::{BigIntArray, TextArray, Uuid};
    use diesel::sql_types::{BigInt, Bool, Nullable, SmallInt, Text};

    vulnerability_reads (id) {
        id -> BigInt,
        vulnerability_id -> BigInt,
        project_id -> BigInt,
        scanner_id -> BigInt,
        report_type -> SmallInt,
        severity -> SmallInt,
        state -> SmallInt,
        resolved_on_default_branch -> Bool,
        uuid -> Uuid,
        location_image -> Nullable<Text>,
        cluster_agent_id -> Nullable<Text>,
        casted_cluster_agent_id -> Nullable<BigInt>,
        traversal_ids -> BigIntArray,
        archived -> Bool,
        identifier_names -> TextArray,
        auto_resolved -> Bool,
    }
}

diesel::table! {
    vulnerability_state_transitions (id) {
        id -> BigInt,
        vulnerability_id -> BigInt,
        to_state -> SmallInt,
        from_state -> SmallInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        author_id -> Nullable<BigInt>,
        project_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    use crate::types::{Jsonb, TextArray};
    use diesel::sql_types::{BigInt, Binary, Integer, Nullable, SmallInt, Text, Timestamp};

    alert_management_alerts (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        started_at -> Timestamp,
        ended_at -> Nullable<Timestamp>,
        events -> Integer,
        iid -> Integer,
        severity -> SmallInt,
        status -> SmallInt,
        fingerprint -> Nullable<Binary>,
        project_id -> BigInt,
        title -> Text,
        description -> Nullable<Text>,
        service -> Nullable<Text>,
        monitoring_tool -> Nullable<Text>,
        hosts -> TextArray,
        payload -> Jsonb,
        domain -> Nullable<SmallInt>,
    }
}

diesel::table! {
    internal_ids (id) {
        id -> BigInt,
        project_id -> Nullable<BigInt>,
        usage -> Integer,
        last_value -> Integer,
        namespace_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    feature_gates (id) {
        id -> BigInt,
        feature_key -> Text,
        key -> Text,
        value -> Nullable<Text>,
    }
}

diesel::table! {
    kas_counters (name) {
        name -> Text,
        value -> BigInt,
    }
}

diesel::table! {
    kas_unique_counters (name, iso_week, entity_id) {
        name -> Text,
        iso_week -> Text,
        entity_id -> BigInt,
    }
}

diesel::table! {
    kas_events (id) {
        id -> BigInt,
        name -> Text,
        user_id -> Nullable<BigInt>,
        project_id -> Nullable<BigInt>,
        properties -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    scim_identities (id) {
        id -> BigInt,
        group_id -> Nullable<BigInt>,
        user_id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        active -> Nullable<Bool>,
        extern_uid -> Text,
    }
}

diesel::table! {
    group_scim_identities (id) {
        id -> BigInt,
        group_id -> BigInt,
        user_id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        temp_source_id -> Nullable<BigInt>,
        active -> Nullable<Bool>,
        extern_uid -> Text,
    }
}

diesel::table! {
    scim_oauth_access_tokens (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        group_id -> Nullable<BigInt>,
        token_encrypted -> Text,
    }
}

diesel::table! {
    group_scim_auth_access_tokens (id) {
        id -> BigInt,
        group_id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        temp_source_id -> Nullable<BigInt>,
        token_encrypted -> Binary,
    }
}

diesel::table! {
    allowed_email_domains (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        group_id -> BigInt,
        domain -> Text,
    }
}

diesel::table! {
    scim_api_records (scope, identity_id) {
        scope -> SmallInt,
        identity_id -> BigInt,
        group_id -> Nullable<BigInt>,
        user_id -> BigInt,
        scim_id -> Text,
        user_name -> Nullable<Text>,
        formatted -> Nullable<Text>,
        family_name -> Nullable<Text>,
        given_name -> Nullable<Text>,
        display_name -> Nullable<Text>,
        is_foreign -> Bool,
        version -> BigInt,
        deleted_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    scim_api_emails (scope, identity_id, position) {
        scope -> SmallInt,
        identity_id -> BigInt,
        position -> SmallInt,
        user_id -> BigInt,
        value -> Text,
        #[sql_name = "type"]
        type_ -> Nullable<Text>,
        display -> Nullable<Text>,
        is_primary -> Nullable<Bool>,
    }
}

diesel::table! {
    namespace_root_storage_statistics (namespace_id) {
        namespace_id -> BigInt,
        updated_at -> Timestamp,
        repository_size -> BigInt,
        lfs_objects_size -> BigInt,
        storage_size -> BigInt,
    }
}

diesel::table! {
    namespace_limits (namespace_id) {
        namespace_id -> BigInt,
        additional_purchased_storage_size -> BigInt,
        additional_purchased_storage_ends_on -> Nullable<Date>,
        pre_enforcement_notification_at -> Nullable<Timestamp>,
        first_enforced_at -> Nullable<Timestamp>,
        last_enforced_at -> Nullable<Timestamp>,
        last_seat_all_used_seats_notification_at -> Nullable<Timestamp>,
        max_number_of_vulnerabilities_per_project -> Nullable<Integer>,
    }
}

diesel::table! {
    gitlab_subscriptions (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        start_date -> Nullable<Date>,
        end_date -> Nullable<Date>,
        trial_ends_on -> Nullable<Date>,
        namespace_id -> BigInt,
        hosted_plan_id -> Nullable<BigInt>,
        max_seats_used -> Nullable<Integer>,
        seats -> Nullable<Integer>,
        trial -> Nullable<Bool>,
        trial_starts_on -> Nullable<Date>,
        auto_renew -> Nullable<Bool>,
        seats_in_use -> Integer,
        seats_owed -> Integer,
        trial_extension_type -> Nullable<SmallInt>,
        max_seats_used_changed_at -> Nullable<Timestamp>,
        last_seat_refresh_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    gitlab_subscription_histories (id) {
        id -> BigInt,
        gitlab_subscription_created_at -> Nullable<Timestamp>,
        gitlab_subscription_updated_at -> Nullable<Timestamp>,
        start_date -> Nullable<Date>,
        end_date -> Nullable<Date>,
        trial_ends_on -> Nullable<Date>,
        namespace_id -> BigInt,
        hosted_plan_id -> Nullable<BigInt>,
        max_seats_used -> Nullable<Integer>,
        seats -> Nullable<Integer>,
        trial -> Nullable<Bool>,
        change_type -> Nullable<SmallInt>,
        gitlab_subscription_id -> BigInt,
        created_at -> Nullable<Timestamp>,
        trial_starts_on -> Nullable<Date>,
        auto_renew -> Nullable<Bool>,
        trial_extension_type -> Nullable<SmallInt>,
        seats_in_use -> Nullable<Integer>,
    }
}

diesel::table! {
    ci_minutes_additional_packs (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        namespace_id -> BigInt,
        expires_at -> Nullable<Date>,
        number_of_minutes -> Integer,
        purchase_xid -> Nullable<Text>,
    }
}

diesel::table! {
    upcoming_reconciliations (id) {
        id -> BigInt,
        namespace_id -> Nullable<BigInt>,
        next_reconciliation_date -> Date,
        display_alert_from -> Date,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        organization_id -> BigInt,
    }
}

diesel::table! {
    subscription_add_ons (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        name -> SmallInt,
        description -> Text,
    }
}

diesel::table! {
    subscription_add_on_purchases (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        subscription_add_on_id -> BigInt,
        namespace_id -> Nullable<BigInt>,
        quantity -> Integer,
        expires_on -> Date,
        purchase_xid -> Text,
        last_assigned_users_refreshed_at -> Nullable<Timestamp>,
        trial -> Bool,
        started_at -> Nullable<Date>,
        organization_id -> BigInt,
    }
}

diesel::table! {
    user_credit_card_validations (user_id) {
        user_id -> BigInt,
        credit_card_validated_at -> Timestamp,
        last_digits_hash -> Nullable<Text>,
        holder_name_hash -> Nullable<Text>,
        expiration_date_hash -> Nullable<Text>,
        network_hash -> Nullable<Text>,
        zuora_payment_method_xid -> Nullable<Text>,
        stripe_setup_intent_xid -> Nullable<Text>,
        stripe_payment_method_xid -> Nullable<Text>,
        stripe_card_fingerprint -> Nullable<Text>,
    }
}

diesel::table! {
    namespaces_storage_limit_exclusions (id) {
        id -> BigInt,
        namespace_id -> BigInt,
        reason -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};
    use crate::types::Jsonb;

    admin_audit_events (id) {
        id -> BigInt,
        event_name -> Text,
        author_type -> Text,
        author_id -> BigInt,
        author_name -> Text,
        impersonated_by -> Nullable<Text>,
        entity_type -> Text,
        entity_id -> BigInt,
        entity_path -> Text,
        target_type -> Text,
        target_id -> BigInt,
        target_details -> Text,
        gl_namespace_id -> Nullable<BigInt>,
        ip_address -> Nullable<Text>,
        correlation_id -> Nullable<Text>,
        before -> Nullable<Jsonb>,
        after -> Nullable<Jsonb>,
        created_at -> Timestamp,
    }
}

/// All tables, for the check that the database has the required columns.
macro_rules! each_table {
    ($do:ident) => {
        $do! {
            organizations,
            organization_users,
            users,
            user_details,
            emails,
            identities,
            saml_providers,
            scim_identities,
            group_scim_identities,
            scim_oauth_access_tokens,
            group_scim_auth_access_tokens,
            allowed_email_domains,
            scim_api_records,
            scim_api_emails,
            webauthn_registrations,
            personal_access_tokens,
            namespaces,
            namespace_settings,
            namespace_details,
            routes,
            redirect_routes,
            project_aliases,
            projects,
            project_features,
            project_settings,
            shards,
            project_repositories,
            pool_repositories,
            group_wiki_repositories,
            snippets,
            snippet_repositories,
            project_statistics,
            project_authorizations,
            members,
            member_roles,
            group_group_links,
            project_group_links,
            namespace_bans,
            ip_restrictions,
            keys,
            deploy_keys_projects,
            group_ssh_certificates,
            deploy_tokens,
            project_deploy_tokens,
            group_deploy_tokens,
            protected_branches,
            protected_branch_push_access_levels,
            protected_branch_merge_access_levels,
            protected_tags,
            protected_tag_create_access_levels,
            push_rules,
            lfs_objects,
            lfs_objects_projects,
            lfs_file_locks,
            path_locks,
            merge_requests,
            broadcast_messages,
            application_setting_terms,
            term_agreements,
            application_settings,
            error_tracking_client_keys,
            project_error_tracking_settings,
            plans,
            outbox_messages,
            namespace_root_storage_statistics,
            namespace_limits,
            namespaces_storage_limit_exclusions,
            admin_audit_events,
            gitlab_subscriptions,
            gitlab_subscription_histories,
            ci_minutes_additional_packs,
            upcoming_reconciliations,
            subscription_add_ons,
            subscription_add_on_purchases,
            user_credit_card_validations,
            cluster_agents,
            cluster_agent_tokens,
            cluster_agent_url_configurations,
            agent_project_authorizations,
            agent_group_authorizations,
            agent_organization_authorizations,
            agent_user_access_project_authorizations,
            agent_user_access_group_authorizations,
            agent_activity_events,
            security_orchestration_policy_configurations,
            security_policies,
            scan_execution_policy_rules,
            vulnerability_scanners,
            vulnerability_identifiers,
            vulnerability_occurrences,
            vulnerability_occurrence_identifiers,
            vulnerability_finding_links,
            vulnerabilities,
            vulnerability_reads,
            vulnerability_state_transitions,
            alert_management_alerts,
            internal_ids,
            feature_gates,
            kas_counters,
            kas_unique_counters,
            kas_events
        }
    };
}
pub(crate) use each_table;

use diesel::allow_tables_to_appear_in_same_query;
each_table!(allow_tables_to_appear_in_same_query);
