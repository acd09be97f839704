//! The named styles of a cube: what services show without a parameter of ours.

use super::keys::joined;
use crate::{
    http::shown::{Kind, Shown},
    render::Colormap,
};

/// The style of the recipe, or of the first variable.
pub(super) const DEFAULT: &str = "default";

/// A style by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) name: String,
    title: String,
    /// As parameters of tiles.
    pub(super) query: String,
}

impl Style {
    fn new(name: &str, title: &str, query: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            query: query.to_owned(),
        }
    }

    /// The default with parameters of one's own.
    pub(super) fn default_with(query: &str) -> Self {
        Self::new(DEFAULT, "", query)
    }

    /// The style with a name.
    pub(super) fn named(shown: &Shown, name: &str) -> Option<Self> {
        styles(shown).into_iter().find(|style| style.name == name)
    }

    /// The first of the default's variables in the colours of a colormap.
    pub(super) fn colored(shown: &Shown, name: &str) -> Option<Self> {
        let map = Colormap::named(name).ok()?;
        let mut query = format!("colormap_name={}", map.name());
        if let Kind::Cube(_, stored) = &shown.kind {
            let own = &stored.cube.recipe().style;
            if let [first, _, ..] = &own.variables[..] {
                let variable = form_urlencoded::byte_serialize(first.as_bytes());
                query = joined(
                    &query,
                    &format!("variable={}", variable.collect::<String>()),
                );
                if let Some([low, high]) = own.rescale.first() {
                    query = joined(&query, &format!("rescale={low},{high}"));
                }
            }
        }
        Some(Self::new(name, name, &query))
    }

    /// Its query with parameters of one's own, which win.
    pub(super) fn with(&self, own: &str) -> String {
        let key = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
        let is_own = |pair: &&str| own.split('&').any(|other| key(other) == key(pair));
        let rest: Vec<&str> = (self.query.split('&'))
            .filter(|pair| !pair.is_empty() && !is_own(pair))
            .collect();
        joined(&rest.join("&"), own)
    }

    /// The name of the layer that has this style.
    pub(super) fn layer(&self, cube: &str) -> String {
        if self.name == DEFAULT {
            cube.to_owned()
        } else {
            format!("{cube}:{}", self.name)
        }
    }

    /// The title of that layer.
    pub(super) fn titled(&self, title: &str) -> String {
        if self.title.is_empty() {
            title.to_owned()
        } else {
            format!("{title}, {}", self.title)
        }
    }

    /// Whether its colours stand for values, which a legend can tell.
    pub(super) fn has_legend(&self, shown: &Shown) -> bool {
        let named = |key: &str| {
            let pairs = form_urlencoded::parse(self.query.as_bytes());
            pairs.filter(|(name, _)| name == key).count()
        };
        let is_default = named("variable") + named("variables") + named("expression") == 0;
        let own = match &shown.kind {
            Kind::Cube(_, stored) if is_default => stored.cube.recipe().style.variables.len(),
            Kind::Cube(..) | Kind::External(..) => named("variable").max(named("bidx")),
        };
        named("variables") == 0 && own <= 1
    }
}

/// The cube and the name of the style of a layer.
pub(super) fn split(layer: &str) -> (&str, &str) {
    layer.split_once(':').unwrap_or((layer, DEFAULT))
}

/// The default, and the vegetation index of what has the bands for it.
pub(super) fn styles(shown: &Shown) -> Vec<Style> {
    let mut all = vec![Style::default_with("")];
    let has = |band| match &shown.kind {
        Kind::Cube(_, stored) => stored.cube.variable(band).is_ok(),
        Kind::External(_, external) => external.dataset.variable(band).is_ok(),
    };
    if has("red") && has("nir") {
        let query = "expression=(nir-red)/(nir%2Bred)&rescale=-0.2,1&colormap_name=rdylgn";
        all.push(Style::new("ndvi", "vegetation index (NDVI)", query));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_has_the_name_of_the_cube_and_of_its_style() {
        assert_eq!(split("alps"), ("alps", DEFAULT));
        assert_eq!(split("alps:ndvi"), ("alps", "ndvi"));
        assert_eq!(Style::default_with("a=1").layer("alps"), "alps");
    }

    #[test]
    fn parameters_of_ones_own_win_over_those_of_a_style() {
        let style = Style::new("s", "", "rescale=0,1&colormap_name=magma");
        assert_eq!(style.with(""), "rescale=0,1&colormap_name=magma");
        assert_eq!(
            style.with("rescale=2,3&nodata=1"),
            "colormap_name=magma&rescale=2,3&nodata=1"
        );
        assert_eq!(Style::default_with("").with("a=1"), "a=1");
    }
}
