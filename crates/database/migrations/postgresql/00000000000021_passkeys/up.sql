-- 1 is a passkey, 2 a second factor. Rows without a mode are from before the column: second factors.
ALTER TABLE webauthn_registrations ADD COLUMN authentication_mode smallint;
