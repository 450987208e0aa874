ALTER TABLE webauthn_registrations DROP COLUMN authentication_mode;
