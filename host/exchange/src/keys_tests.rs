use super::*;

const ED25519_PEM: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11ybglMPCoHjpw+jVeuvT1VmDXVcQaCeIDlr39Z7Emw=
-----END PUBLIC KEY-----
";

/// A public key made for this test; its private half was thrown away.
pub(crate) const RSA_PEM: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsGfYBz86pAyHmA6Pqwed
VJayW3QaAz+YNCCUlh9ySVFZRQNFt+4XEy/+z8SfkZnok5tsf07421PPJGH1PF75
7svpyvQtHaPun6SXiQgN2ROvFJBWg0Gbz6G996+Zgszyy7VPlREwtN9bYskLaJCX
0fvnLRFLBkz6/ayZN7Zf0XaLnCvJgRCvKLAu3RvJlheMRpK6Kk9wUy6Dolklt302
O0jhcuMRDK/llPDWDOQtgzc6QIbx9GjbD2sOLNsVVuKQAhboRmkSQU5SXt7MT+PC
XAmSE6QbbDPm8KcdOrOFOXj5fb9U3gQZfjd9NLedkYj2PJvQ4PBhHtlnsQN55j/i
HQIDAQAB
-----END PUBLIC KEY-----";

/// Its signature under [`RSA_PAYLOAD`].
pub(crate) const RSA_SIGNATURE: &str = "DmhPseK4dhLuNgwAT31o3OIa8SGhYtfL2BkXZv7xA8s/r5mQPRevfWzcBSwj7z2P+XplWzmmtOwyPqEUecX2a2CgQL8ygCg03hoxqiCGg3RhXy0Lt5h6lbJJFUuaxws/+VB29mLruTbvtRSlWcDQP5guq3DZDh1mJBuBQ8CBLOE4HDTpaCrBMIi7Qxcsr/6Zczbg0ur2wpxSt+wimPblSXO2EEqDO9exiiYMh9dnmMbt1GygTtSJilU5JPmBYU1GO4Q057fwfMJp1eEZOFDcuZ/VHx03LTbvUXsCqWsigtTWeJYORUSVN9vUISSi9AMNp9wmgK8VAtsEBuXkdmu4Og==";
pub(crate) const RSA_PAYLOAD: &str = "omitZeroBalances=true&timestamp=1700000000000";

const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

#[test]
fn the_documented_hmac_vectors() {
    let key = Verifier::hmac(SECRET);
    for (payload, signature) in [
        (
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
        (
            "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
        (
            "apiKey=vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A&price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL&symbol=BTCUSDT&timeInForce=GTC&timestamp=1645423376532&type=LIMIT",
            "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
        ),
    ] {
        assert!(key.verify(payload, signature));
        assert!(key.verify(payload, &signature.to_uppercase()), "HMAC signatures may be upper case");
        assert!(!key.verify(&payload.replace("quantity", "quantitz"), signature));
    }
    for wrong in ["", "zz", "é", "+1", &"0".repeat(64)] {
        assert!(!key.verify("a=1", wrong), "{wrong}");
    }
    assert_eq!(format!("{key:?}"), "Hmac(<redacted>)");
}

#[test]
fn public_keys_check_signatures_of_their_private_ones() {
    let payload = "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=0.2&timestamp=1668481559918&recvWindow=5000";
    let key = Verifier::public(ED25519_PEM).unwrap();
    let signature = "Aq4B8MZooEDX1vcBt4PicBo0a9ezg4fr2U66SdO8C9OPr/Q2zRTSN4rfA7ae00iCtuJL4snCR/YYA5daq0XACQ==";
    assert!(key.kind() == "ED25519" && key.verify(payload, signature));
    assert!(!key.verify(payload, &signature.to_lowercase()), "the case of base64 matters");
    assert!(!key.verify(&payload.replace("0.2", "0.3"), signature));
    let rsa = Verifier::public(RSA_PEM).unwrap();
    assert!(rsa.kind() == "RSA" && rsa.verify(RSA_PAYLOAD, RSA_SIGNATURE));
    assert!(!rsa.verify("omitZeroBalances=true&timestamp=1700000000001", RSA_SIGNATURE));
    assert!(!rsa.verify(RSA_PAYLOAD, signature) && !rsa.verify(RSA_PAYLOAD, "") && !rsa.verify(RSA_PAYLOAD, "=é"));
}

#[test]
fn what_is_no_such_key_is_refused() {
    let short_rsa = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDHeqccwe70+933Wv53AHpkT0Br
vqaHHrzSbItvtGbFTytwGYSJgp1q9RElz3HgDGeneq7mSmnsKEZ8TBrqEGmmmm2g
3UXDQCOv/ZEh2cawMq+/AJ4Le4bKtfl5vosr2hB8bHWzEdolxwHItkDyUte0niR+
o8pZwMZjMqxD+f3AIwIDAQAB
-----END PUBLIC KEY-----";
    let elliptic = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEi5eKpCQNDNNa/PZQFW21roY2GeIF
T8ZIAEJmTw98KZkaIQOYmaq2x2Smn52NBV40Qbef6QuVbGYA0Elxt0H4Tw==
-----END PUBLIC KEY-----";
    for (pem, error) in [
        ("", KeyError::NoPublicKey),
        ("MCowBQYDK2VwAyEA11ybglMPCoHjpw+jVeuvT1VmDXVcQaCeIDlr39Z7Emw=", KeyError::NoPublicKey),
        ("-----BEGIN PUBLIC KEY-----é-----END PUBLIC KEY-----", KeyError::NoPublicKey),
        ("-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----", KeyError::Algorithm),
        (short_rsa, KeyError::Algorithm),
        (elliptic, KeyError::Algorithm),
    ] {
        assert_eq!(Verifier::public(pem).err(), Some(error), "{pem}");
    }
    let cut = RSA_PEM.replace("HQIDAQAB", "");
    assert_eq!(Verifier::public(&cut).err(), Some(KeyError::Algorithm));
}
