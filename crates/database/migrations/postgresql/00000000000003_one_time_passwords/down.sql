ALTER TABLE users DROP COLUMN consumed_timestep;
ALTER TABLE users DROP COLUMN encrypted_otp_secret_salt;
ALTER TABLE users DROP COLUMN encrypted_otp_secret_iv;
ALTER TABLE users DROP COLUMN encrypted_otp_secret;
