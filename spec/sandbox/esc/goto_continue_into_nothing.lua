-- expect: error no visible label
goto nowhere
do ::nowhere:: end
