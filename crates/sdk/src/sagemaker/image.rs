//! The images of SageMaker's own algorithms: which account holds them in which region.

use crate::client::dns_suffix;
use crate::steps::BuildError;

/// The image of one of SageMaker's own algorithms, as it is named in training jobs and models.
///
/// `xgboost` in versions `0.90-1` to `3.0-5`, also `1` and `latest` (the oldest container), and `sklearn`.
///
/// ```
/// use stepwell_sdk::image_uri;
///
/// let image = image_uri("xgboost", "us-east-1", "1.7-1")?;
/// assert_eq!(image, "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1");
/// let image = image_uri("xgboost", "eu-west-1", "latest")?;
/// assert_eq!(image, "685385470294.dkr.ecr.eu-west-1.amazonaws.com/xgboost:latest");
/// assert!(image_uri("xgboost", "atlantis-1", "1.7-1").is_err());
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
///
/// # Errors
/// [`BuildError::UnknownImage`] when algorithm, version or region is unknown, with those there are.
pub fn image_uri(algorithm: &str, region: &str, version: &str) -> Result<String, BuildError> {
    let unknown = |what, value: &str, supported: Vec<&str>| BuildError::UnknownImage {
        what,
        value: value.to_owned(),
        supported: supported.join(", "),
    };
    let versions = match algorithm {
        "xgboost" => XGBOOST,
        "sklearn" | "scikit-learn" => SKLEARN,
        _ => return Err(unknown("algorithm", algorithm, vec!["xgboost", "sklearn"])),
    };
    let Some((_, registry, repository, tag)) = versions.iter().find(|(name, ..)| *name == version)
    else {
        return Err(unknown("version", version, versions.iter().map(|(name, ..)| *name).collect()));
    };
    let account = |(_, first, framework): &(&str, &'static str, &'static str)| match registry {
        Registry::First => *first,
        Registry::Framework => *framework,
    };
    let row = ACCOUNTS.iter().find(|row| row.0 == region && !account(row).is_empty());
    let Some(row) = row else {
        let known = ACCOUNTS.iter().filter(|row| !account(row).is_empty());
        return Err(unknown("region", region, known.map(|row| row.0).collect()));
    };
    Ok(format!("{}.dkr.ecr.{region}.{}/{repository}:{tag}", account(row), dns_suffix(region)))
}

#[derive(Clone, Copy)]
enum Registry {
    /// The accounts of the first built-in algorithms.
    First,
    /// The accounts of the framework containers.
    Framework,
}

type Versions = &'static [(&'static str, Registry, &'static str, &'static str)];

/// Version, registry, repository, tag.
const XGBOOST: Versions = &[
    ("1", Registry::First, "xgboost", "1"),
    ("latest", Registry::First, "xgboost", "latest"),
    ("0.90-1", Registry::Framework, "sagemaker-xgboost", "0.90-1-cpu-py3"),
    ("0.90-2", Registry::Framework, "sagemaker-xgboost", "0.90-2-cpu-py3"),
    ("1.0-1", Registry::Framework, "sagemaker-xgboost", "1.0-1-cpu-py3"),
    ("1.2-1", Registry::Framework, "sagemaker-xgboost", "1.2-1"),
    ("1.2-2", Registry::Framework, "sagemaker-xgboost", "1.2-2"),
    ("1.3-1", Registry::Framework, "sagemaker-xgboost", "1.3-1"),
    ("1.5-1", Registry::Framework, "sagemaker-xgboost", "1.5-1"),
    ("1.7-1", Registry::Framework, "sagemaker-xgboost", "1.7-1"),
    ("3.0-5", Registry::Framework, "sagemaker-xgboost", "3.0-5"),
];

const SKLEARN: Versions = &[
    ("0.20.0", Registry::Framework, "sagemaker-scikit-learn", "0.20.0-cpu-py3"),
    ("0.23-1", Registry::Framework, "sagemaker-scikit-learn", "0.23-1-cpu-py3"),
    ("1.0-1", Registry::Framework, "sagemaker-scikit-learn", "1.0-1-cpu-py3"),
    ("1.2-1", Registry::Framework, "sagemaker-scikit-learn", "1.2-1-cpu-py3"),
    ("1.4-2", Registry::Framework, "sagemaker-scikit-learn", "1.4-2-cpu-py3"),
];

/// Region, account of the first built-in algorithms, account of the framework containers. Empty: none there.
const ACCOUNTS: [(&str, &str, &str); 37] = [
    ("af-south-1", "455444449433", "510948584623"),
    ("ap-east-1", "286214385809", "651117190479"),
    ("ap-northeast-1", "501404015308", "354813040037"),
    ("ap-northeast-2", "306986355934", "366743142698"),
    ("ap-northeast-3", "867004704886", "867004704886"),
    ("ap-south-1", "991648021394", "720646828776"),
    ("ap-south-2", "628508329040", "628508329040"),
    ("ap-southeast-1", "475088953585", "121021644041"),
    ("ap-southeast-2", "544295431143", "783357654285"),
    ("ap-southeast-3", "951798379941", "951798379941"),
    ("ap-southeast-4", "106583098589", "106583098589"),
    ("ca-central-1", "469771592824", "341280168497"),
    ("ca-west-1", "", "190319476487"),
    ("cn-north-1", "390948362332", "450853457545"),
    ("cn-northwest-1", "387376663083", "451049120500"),
    ("eu-central-1", "813361260812", "492215442770"),
    ("eu-central-2", "680994064768", "680994064768"),
    ("eu-north-1", "669576153137", "662702820516"),
    ("eu-south-1", "257386234256", "978288397137"),
    ("eu-south-2", "104374241257", "104374241257"),
    ("eu-west-1", "685385470294", "141502667606"),
    ("eu-west-2", "644912444149", "764974769150"),
    ("eu-west-3", "749696950732", "659782779980"),
    ("il-central-1", "", "898809789911"),
    ("me-central-1", "272398656194", "272398656194"),
    ("me-south-1", "249704162688", "801668240914"),
    ("sa-east-1", "855470959533", "737474898029"),
    ("us-east-1", "811284229777", "683313688378"),
    ("us-east-2", "825641698319", "257758044811"),
    ("us-gov-east-1", "237065988967", "237065988967"),
    ("us-gov-west-1", "226302683700", "414596584902"),
    ("us-iso-east-1", "490574956308", "833128469047"),
    ("us-isob-east-1", "765400339828", "281123927165"),
    ("us-isof-east-1", "", "108575199400"),
    ("us-isof-south-1", "", "124985052026"),
    ("us-west-1", "632365934929", "746614075791"),
    ("us-west-2", "433757028032", "246618743249"),
];
