-- What a one-time password is verified with, column by column as in a GitLab 18.0 database.
ALTER TABLE users ADD COLUMN encrypted_otp_secret TEXT;
ALTER TABLE users ADD COLUMN encrypted_otp_secret_iv TEXT;
ALTER TABLE users ADD COLUMN encrypted_otp_secret_salt TEXT;
ALTER TABLE users ADD COLUMN consumed_timestep INTEGER;
